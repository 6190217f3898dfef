#!/bin/sh
# Installs the Node packages for tests, or does nothing if they are up to date.
#   contrib/build/npm.sh FROM TO      FROM holds package.json and package-lock.json
set -eu

from=$1
to=$2
want=$(node --version; sha256sum <"$from/package.json"; sha256sum <"$from/package-lock.json")
if [ -f "$to/made-from" ] && [ "$(cat "$to/made-from")" = "$want" ]; then
	exit 0
fi
echo "npm: installing into $to"
rm -rf "$to"
mkdir -p "$to"
cp "$from/package.json" "$from/package-lock.json" "$to/"
npm ci --prefix "$to" --silent --no-audit --no-fund --no-update-notifier
echo "$want" >"$to/made-from"
