#!/bin/sh
# Writes what the Makefile must know of this machine's libraries, as make variables.
#   contrib/build/config.sh > build/config.mk
set -eu

packages="openssl libevent_core libevent_extra jansson libseccomp"
# $packages is a list of words
# shellcheck disable=SC2086
{
	echo "PKG_CFLAGS := $(pkg-config --cflags $packages)"
	echo "PKG_LIBS := $(pkg-config --libs $packages) -ldb-5.3 -lpthread"
}
# Strict framing is a choice of the compilation in llhttp's sources (Debian 12: the default
# is lenient); as a library, from version 9 on, it is strict unless told otherwise.
if [ -f /usr/share/llhttp/llhttp.c ]; then
	echo "LLHTTP_CFLAGS := -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1"
	echo "LLHTTP_DIR := /usr/share/llhttp"
	echo "LLHTTP_LIBS :="
else
	echo "LLHTTP_CFLAGS := $(pkg-config --cflags libllhttp)"
	echo "LLHTTP_DIR :="
	echo "LLHTTP_LIBS := $(pkg-config --libs libllhttp)"
fi
# Chart.js for the page's plots; its file's name differs between releases.
for file in chart.umd.min.js chart.umd.js chart.min.js Chart.min.js; do
	if [ -f "/usr/share/javascript/chart.js/$file" ]; then
		echo "CHART_JS := /usr/share/javascript/chart.js/$file"
		break
	fi
done
if pkg-config --exists cmocka; then
	echo "CMOCKA_LIBS := $(pkg-config --libs cmocka)"
else
	echo "CMOCKA_LIBS := -lcmocka"
fi
