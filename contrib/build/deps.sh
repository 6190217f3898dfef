#!/bin/sh
# Sees to it that what building, testing, linting or running needs is on this machine.
#   contrib/build/deps.sh SET...      SET: build, test, lint, python, run, bench, deb, image
# Each need is looked for by what it gives (a program, a header, a pkg-config name), so
# nothing is asked of the network when all is there, whatever the system. What is missing
# is installed from the packages of Debian or Ubuntu, as root or through sudo; elsewhere,
# or without the right to install, it is listed and the exit code is 1.
set -eu

missing=""

# need PACKAGES PROBE...: note the packages unless the probe succeeds.
need()
{
	packages=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $packages"
}

program() { command -v "$1"; }
server_program() { [ -x "/usr/sbin/$1" ] || command -v "$1"; }
library() { command -v pkg-config && pkg-config --exists "$1"; }
c_header() { echo "#include <$1>" | "${CC:-cc}" -E -; }
llhttp() { [ -f /usr/share/llhttp/llhttp.c ] || library libllhttp; }
chart_js() { ls /usr/share/javascript/chart.js/[Cc]hart*.js; }
python_venv() { python3 -c 'import ensurepip, venv'; }
fuzzer_runtime()
{
	for archive in "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*.a; do
		[ -f "$archive" ] && return 0
	done
	return 1
}

# Debian 12 has llhttp's C sources in node-llhttp, newer systems have a library.
llhttp_package()
{
	if apt-cache show libllhttp-dev 2>/dev/null | grep -q '^Package:'; then
		echo libllhttp-dev
	else
		echo node-llhttp
	fi
}

needs_build()
{
	need "gcc libc6-dev" program "${CC:-cc}"
	need libc6-dev c_header stdlib.h
	need binutils program ar
	need pkg-config program pkg-config
	need libssl-dev library 'openssl >= 3.0'
	need libevent-dev library 'libevent_core >= 2.1'
	need libjansson-dev library jansson
	need libseccomp-dev library libseccomp
	need libdb5.3-dev c_header db.h
	need LLHTTP llhttp
	need libjs-chart.js chart_js
}

needs_python()
{
	need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
	need "python3 python3-venv" python_venv
}

needs_fuzz()
{
	need clang program clang
	need libclang-rt-dev fuzzer_runtime
	need llvm program llvm-symbolizer
}

needs_test()
{
	needs_build
	needs_python
	needs_fuzz
	need libcmocka-dev library cmocka
	need nodejs program node
	need chromium program chromium
	need npm program npm
	need openssl program openssl
	need curl program curl
	need procps program ps
	need prometheus program prometheus
	need prometheus program promtool
	need testssl.sh program testssl
	need systemd program systemd-analyze
	need nftables program nft
	need dpkg-dev program dpkg-shlibdeps
	need tzdata test -e /usr/share/zoneinfo/Europe/Berlin
	need zsh program zsh
}

needs_lint()
{
	needs_build
	needs_python
	need libcmocka-dev library cmocka
	need clang program clang
	need clang-format program clang-format
	need clang-tidy program clang-tidy
	need cppcheck program cppcheck
	need shellcheck program shellcheck
}

needs_deb()
{
	needs_build
	need dpkg-dev program dpkg-shlibdeps
	need mmdebstrap program mmdebstrap
}

needs_image()
{
	need mmdebstrap program mmdebstrap
	need buildah program buildah
	need util-linux program setpriv
	need iproute2 program ip
	need curl program curl
	need python3 program python3
}

needs_run()
{
	needs_build
	need python3 program python3
	need openssl program openssl
	need curl program curl
}

# What gatehouse is compared with; no service is wanted of it.
needs_bench()
{
	needs_build
	need python3 program python3
	need openssl program openssl
	need nginx server_program nginx
	need libnginx-mod-http-lua test -e /usr/lib/nginx/modules/ngx_http_lua_module.so
	need haproxy server_program haproxy
	need wrk program wrk
}

# Packages of servers start them, now and at each boot. Those that are installed here must
# not: an absent policy-rc.d is put there meanwhile (invoke-rc.d(8)), and what was enabled
# is disabled again.
SERVERS="nginx haproxy prometheus"
POLICY=/usr/sbin/policy-rc.d

forbid_starts()
{
	policy_is_ours=""
	trap allow_starts EXIT
	trap 'exit 1' INT TERM
	[ -e $POLICY ] && return 0
	policy_is_ours=yes
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $POLICY >/dev/null
	$as_root chmod 755 $POLICY
}

allow_starts()
{
	[ -z "$policy_is_ours" ] || $as_root rm -f $POLICY
	for server in $SERVERS; do
		case " $missing " in
		*" $server "*) $as_root update-rc.d "$server" disable >/dev/null 2>&1 || true ;;
		esac
	done
}

install_missing()
{
	as_root=""
	if [ "$(id -u)" -ne 0 ]; then
		as_root="sudo"
		if ! command -v sudo >/dev/null || ! { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
			echo "deps: missing, and no right to install:$missing" >&2
			exit 1
		fi
	fi
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
	case $missing in
	*LLHTTP*) missing=$(echo "$missing" | sed "s/LLHTTP/$(llhttp_package)/") ;;
	esac
	echo "deps: installing from $distribution:$missing"
	log=$(mktemp)
	done=yes
	forbid_starts
	# $missing is a list of words
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
	    install -y --no-install-recommends $missing >"$log" 2>&1 || done=""
	[ -n "$done" ] || cat "$log" >&2
	rm -f "$log"
	[ -n "$done" ] || exit 1
	echo "deps: done"
}

# make may ask for several sets at once: whoever comes second finds all installed.
mkdir -p build
exec 9>build/deps.lock
flock 9

for set in "$@"; do
	case $set in
	build | test | lint | python | run | bench | deb | image) "needs_$set" ;;
	*)
		echo "usage: deps.sh build|test|lint|python|run|bench|deb|image ..." >&2
		exit 2
		;;
	esac
done
missing=$(echo "$missing" | tr ' ' '\n' | sort -u | tr '\n' ' ' | sed 's/ *$//')
[ -n "$missing" ] || exit 0

distribution=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null || true)
if ! command -v apt-get >/dev/null; then
	echo "deps: this is not Debian or Ubuntu; please install what these packages hold:$missing" |
	    sed 's/LLHTTP/llhttp/' >&2
	exit 1
fi
install_missing
