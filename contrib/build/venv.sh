#!/bin/sh
# Makes the Python environment for tests and lint, or does nothing if it is up to date.
#   contrib/build/venv.sh DIR REQUIREMENTS...
# Up to date means: made by this Python from requirement files with this content.
set -eu

dir=$1
shift
python=${PYTHON:-python3}
want=$("$python" -VV; for file in "$@"; do sha256sum <"$file"; done)
if [ -f "$dir/made-from" ] && [ "$(cat "$dir/made-from")" = "$want" ]; then
	exit 0
fi
echo "venv: making $dir"
rm -rf "$dir"
"$python" -m venv "$dir"
arguments=""
for file in "$@"; do
	arguments="$arguments -r $file"
done
# $arguments is a list of words
# shellcheck disable=SC2086
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-input $arguments
echo "$want" >"$dir/made-from"
