#!/bin/sh
# Runs one fuzz target for a while, starting from its corpus.
#   tests/fuzz/run.sh SECONDS BINARY
# What it finds new goes to build/fuzz/found/NAME and an input that fails to
# build/fuzz/failing/; such a file, once mended, belongs into tests/fuzz/corpus/NAME.
set -eu

seconds=$1
binary=$2
name=$(basename "$binary")
corpus=tests/fuzz/corpus/${name#fuzz_}
found=build/fuzz/found/$name
mkdir -p "$found" build/fuzz/failing
[ -d "$corpus" ] || corpus=""
log=build/fuzz/$name.log

echo "  FUZZ  $name for $seconds s"
# an empty $corpus is no argument
# shellcheck disable=SC2086
if ! "$binary" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/failing/$name-" "$found" $corpus >"$log" 2>&1; then
	tail -n 60 "$log"
	echo "$name: FAILED, see $log"
	exit 1
fi
sed -n 's/^stat::number_of_executed_units: */  '"$name"' inputs tried: /p' "$log"
