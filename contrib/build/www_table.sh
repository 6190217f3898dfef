#!/bin/sh
# Writes the table of the page's files as C (admin/www.h), for files that `ld -b binary` has
# made objects of under their bare names.
#   contrib/build/www_table.sh NAME... > www_table.c
set -eu

symbol() { printf '%s' "$1" | tr -c 'A-Za-z0-9' '_'; }

echo '#include "admin/www.h"'
for name in "$@"; do
	echo "extern const char _binary_$(symbol "$name")_start[], _binary_$(symbol "$name")_end[];"
done
echo 'const struct www_file www_files[] = {'
for name in "$@"; do
	echo "	{ \"$name\", _binary_$(symbol "$name")_start, _binary_$(symbol "$name")_end },"
done
echo '};'
echo 'const size_t www_n_files = sizeof(www_files) / sizeof(www_files[0]);'
