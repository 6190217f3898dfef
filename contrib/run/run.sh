#!/bin/sh
# `make run`: gatehouse on https://localhost:PORT, to try it on this machine.
#   PORT (8443), LISTEN and every other setting of gatehouse may be set from outside
#   UPSTREAM_URL and PRIVATEMODE_API_KEY: the real privatemode-proxy; without them a
#   stand-in with canned answers is started beside it and stopped with it
# Certificate, first API key and data are kept under run/ (or RUN_ROOT), so a second run has
# the same. GATEHOUSE_BINARY names another build than build/gatehouse.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${RUN_ROOT:-$root/run}
port=${PORT:-8443}
gatehouse=${GATEHOUSE_BINARY:-$root/build/gatehouse}
standin_pid=""
gatehouse_pid=""
deadline_tenths=300

fail()
{
	echo "run: $*" >&2
	exit 1
}

# wait_until WHAT PID COMMAND...: until the command succeeds, PID dies or 30 s are over.
wait_until()
{
	what=$1
	pid=$2
	shift 2
	tenths=0
	until "$@"; do
		kill -0 "$pid" 2>/dev/null || return 1
		tenths=$((tenths + 1))
		[ "$tenths" -lt "$deadline_tenths" ] || fail "$what is not ready after 30 s"
		sleep 0.1
	done
}

# Gatehouse finishes what is in flight; a second signal, passed on too, ends it at once.
on_signal()
{
	[ -n "$gatehouse_pid" ] || exit 130
	kill -TERM "$gatehouse_pid" 2>/dev/null || true
}

# The stand-in goes last, so that streams through gatehouse can end well.
on_exit()
{
	for pid in $gatehouse_pid $standin_pid; do
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" || true
	done
}

# A P-256 certificate for this machine's own names, made anew a day before it ends.
make_certificate()
{
	[ ! -f "$dir/cert.pem" ] || [ ! -f "$dir/key.pem" ] ||
	    ! openssl x509 -in "$dir/cert.pem" -noout -checkend 86400 >/dev/null || return 0
	echo "run: making a self-signed certificate, $dir/cert.pem"
	(
		umask 077
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 \
		    -subj /CN=localhost -addext "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1" \
		    -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
		    -addext keyUsage=critical,digitalSignature \
		    -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>"$dir/openssl.log"
	) || fail "openssl could not make the certificate, see $dir/openssl.log"
	chmod 644 "$dir/cert.pem"
	rm -f "$dir/openssl.log"
}

# The first key: its hash in the key file, the secret beside it for the next run.
make_api_key()
{
	[ ! -s "$dir/api_key" ] || [ ! -s "$API_KEYS_FILE" ] || return 0
	echo "run: making a first API key, $dir/api_key"
	(
		umask 077
		"$gatehouse" keys create --json --description "make run" >"$dir/created.json" &&
		    python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])' \
			<"$dir/created.json" >"$dir/api_key"
	) || fail "could not make an API key"
	rm -f "$dir/created.json"
}

# For the admin page, unless the environment says another one.
make_admin_password()
{
	[ -z "${ADMIN_PASSWORD:-}${ADMIN_PASSWORD_FILE:-}" ] || return 0
	[ -s "$dir/admin_password" ] ||
	    (umask 077 && openssl rand -base64 18 >"$dir/admin_password") ||
	    fail "could not make an admin password"
	export ADMIN_PASSWORD_FILE="$dir/admin_password"
}

# As root the admin process has a user of its own, who edits the keys.
give_keys()
{
	[ "$(id -u)" != 0 ] || chown -R "$ADMIN_USER:" "$dir/keys"
}

start_standin()
{
	rm -f "$dir/standin.port"
	setsid python3 "$root/tests/standin/standin.py" --listen 127.0.0.1:0 \
	    --port-file "$dir/standin.port" >"$dir/standin.log" 2>&1 &
	standin_pid=$!
	wait_until "the stand-in" "$standin_pid" test -s "$dir/standin.port" ||
	    fail "the stand-in did not start, see $dir/standin.log"
	UPSTREAM_URL=http://127.0.0.1:$(cat "$dir/standin.port")
	PRIVATEMODE_API_KEY=stand-in
}

choose_upstream()
{
	if [ -n "${UPSTREAM_URL:-}" ]; then
		about="Answers come from $UPSTREAM_URL."
		[ -n "${PRIVATEMODE_API_KEY:-}${PRIVATEMODE_API_KEY_FILE:-}" ] ||
		    about="$about No PRIVATEMODE_API_KEY is set: requests go there without a key."
	elif [ -n "${PRIVATEMODE_API_KEY:-}${PRIVATEMODE_API_KEY_FILE:-}" ]; then
		fail "PRIVATEMODE_API_KEY is set but UPSTREAM_URL is not (privatemode-proxy: http://localhost:8081)"
	else
		start_standin
		about="ANSWERS ARE CANNED: they come from a stand-in on this machine, no model is asked.
Set UPSTREAM_URL and PRIVATEMODE_API_KEY for real ones."
	fi
	export UPSTREAM_URL
	[ -z "${PRIVATEMODE_API_KEY:-}" ] || export PRIVATEMODE_API_KEY
}

is_ready()
{
	grep -q '"state": *"ready"' "$RUN_DIR/status" 2>/dev/null &&
	    grep -q "\"pid\": *$gatehouse_pid\\b" "$RUN_DIR/status"
}

print_how_to()
{
	key=$(cat "$dir/api_key")
	url=https://localhost:$port/v1
	cat <<END

gatehouse is ready on https://localhost:$port (Ctrl-C stops it).
$about

With curl:

curl --cacert $dir/cert.pem $url/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -d '{"model":"gpt-oss-120b","messages":[{"role":"user","content":"Hello"}]}'

With OpenAI's SDK for Python (pip install openai):

import ssl
from openai import DefaultHttpxClient, OpenAI

trust = ssl.create_default_context(cafile="$dir/cert.pem")
client = OpenAI(base_url="$url", api_key="$key", http_client=DefaultHttpxClient(verify=trust))
answer = client.chat.completions.create(model="gpt-oss-120b", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)

The admin page: https://localhost:$port/admin
END
	if [ "${ADMIN_PASSWORD_FILE:-}" = "$dir/admin_password" ]; then
		echo "Its password: $(cat "$dir/admin_password")"
	fi
	echo
}

[ -x "$gatehouse" ] || fail "$gatehouse is not there; run make"
mkdir -p "$dir/data" "$dir/keys"
chmod 700 "$dir/keys"
# Only loopback, by IPv6 too where there is one; the secrets in run/ are this user's alone.
listen=127.0.0.1:$port
if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then
	listen="$listen,[::1]:$port"
fi
export LISTEN="${LISTEN:-$listen}"
export PORT="$port"
export WORKERS="${WORKERS:-2}"
export METRICS_LISTEN="${METRICS_LISTEN:-off}"
export WORKER_USER="${WORKER_USER:-nobody}" ADMIN_USER="${ADMIN_USER:-nobody}"
export DATA_DIR="$dir/data" RUN_DIR="$dir/data"
export API_KEYS_FILE="$dir/keys/api_keys.json"
export TLS_CERT_FILE="$dir/cert.pem" TLS_KEY_FILE="$dir/key.pem"

# Sessions of their own: Ctrl-C reaches this script alone, which passes on one SIGTERM.
trap on_signal INT TERM HUP
trap 'status=$?; on_exit; exit $status' EXIT
make_certificate
choose_upstream
make_api_key
make_admin_password
give_keys
setsid "$gatehouse" run &
gatehouse_pid=$!
if wait_until gatehouse "$gatehouse_pid" is_ready; then
	print_how_to
fi
status=0
wait "$gatehouse_pid" || status=$?
while kill -0 "$gatehouse_pid" 2>/dev/null; do # a signal ends a wait early
	status=0
	wait "$gatehouse_pid" || status=$?
done
gatehouse_pid=""
exit "$status"
