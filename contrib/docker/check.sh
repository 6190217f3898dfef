#!/bin/bash
# Builds the image from its Dockerfile and tries it, without docker and without a registry:
# `make image-check`, as root, some minutes.
# In the place of debian:bookworm-slim is a minimal Debian of mmdebstrap's, in that of
# privatemode-proxy's image one file (check-proxy.pl). buildah builds with its own storage in a
# temporary folder. The image is started as its configuration says (user, environment, entry
# point), in namespaces of its own: pid 1, no capability, its root read-only but for the four
# folders that README names, and a network of its own that has loopback alone.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo "image-check: needs root, for namespaces" >&2; exit 1; }

work=$(mktemp -d)
outside=
on_exit()
{
	[ -z "$outside" ] || kill -KILL "$outside" 2>/dev/null || true
	store umount --all >/dev/null 2>&1 || true
	store rm --all >/dev/null 2>&1 || true
	rm -rf --one-file-system "$work"
}
trap on_exit EXIT

store()
{
	buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"
}

# Named steps; what one says is seen if it fails.
step()
{
	echo "image-check: $1"
	shift
	"$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; echo "image-check: FAILED" >&2; exit 1; }
}

# image NAME FILE PLACE: an image of one file, or of a tar's files
image()
{
	local made
	made=$(store from scratch)
	store add "$made" "$2" "$3"
	store commit "$made" "$1"
	store rm "$made"
}

build()
{
	store bud --isolation chroot --pull=never --format docker --build-arg PROXY_IMAGE=localhost/proxy \
	    --ignorefile "$source/.dockerignore" -f "$source/contrib/docker/Dockerfile" -t gatehouse "$source"
}

suite=$(sed -n 's/^FROM debian:\([a-z]*\)-slim$/\1/p' "$here/Dockerfile" | head -n 1)
step "making a minimal Debian ($suite)" mmdebstrap --quiet --variant=minbase "$suite" "$work/base.tar"
step "making its image" image "docker.io/library/debian:$suite-slim" "$work/base.tar" /
install -m 755 "$here/check-proxy.pl" "$work/privatemode-proxy"
step "making the proxy's image" image localhost/proxy "$work/privatemode-proxy" /bin/privatemode-proxy
step "building contrib/docker/Dockerfile" build

container=$(store from --pull=never localhost/gatehouse)
root=$(store mount "$container")
store inspect --type image gatehouse >"$work/image.json"

# config EXPRESSION: of the image's configuration, a line each
config()
{
	python3 -c 'import json, sys
value = json.load(open(sys.argv[1]))["Docker"]["config"]
for name in sys.argv[2].split("."):
    value = value[name]
print("\n".join(value if isinstance(value, (list, dict)) else [str(value)]))' "$work/image.json" "$1"
}

user=$(config User)
mapfile -t environment < <(config Env)
mapfile -t command < <(config Entrypoint; config Cmd)
mapfile -t health < <(config Healthcheck.Test)
[ "$user" = 1000:1000 ] || { echo "image-check: it runs as $user" >&2; exit 1; }
[ "$(config ExposedPorts)" = 8080/tcp ] || { echo "image-check: ports: $(config ExposedPorts)" >&2; exit 1; }
[ "$(config StopSignal)" = SIGTERM ]

# Within the namespaces, as `docker run --read-only --cap-drop ALL` has them; then the program.
cat >"$work/enter.sh" <<'END'
set -e
root=$1
shift
ip link set lo up
mount --bind "$root" "$root"
for folder in app/secrets app/data app/workspace tmp; do
	mount -t tmpfs -o mode=700,uid=1000,gid=1000 tmpfs "$root/$folder"
done
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid=1000 --regid=1000 --clear-groups --bounding-set=-all --inh-caps=-all \
    --no-new-privs env -i -C /app "$@"
END
unshare --mount --pid --ipc --net --uts --fork --kill-child --propagation private \
    sh "$work/enter.sh" "$root" "${environment[@]}" "${command[@]}" >"$work/console" 2>&1 </dev/null &
outside=$!

fail()
{
	echo "image-check: $1" >&2
	cat "$work/console" >&2
	exit 1
}

# until_so WHAT COMMAND...: within 60 s
until_so()
{
	local what=$1
	shift
	for _ in $(seq 600); do
		! "$@" >"$work/log" 2>&1 || return 0
		kill -0 "$outside" 2>/dev/null || fail "it has ended, before: $what"
		sleep 0.1
	done
	cat "$work/log" >&2
	fail "did not happen: $what"
}

first()
{
	pgrep -P "$outside"
}

# As a process of the image, in its namespaces.
inside()
{
	nsenter -t "$(first)" -m -p -i -n -u -r -w -S 1000 -G 1000 env -i "${environment[@]}" "$@"
}

# ask PATH [CURL'S OPTIONS]: the status, with the body behind it
ask()
{
	nsenter -t "$(first)" -n curl -s -m 10 -w '\n%{http_code}' "${@:2}" "http://127.0.0.1:8080$1"
}

is_healthy()
{
	inside "${health[@]:1}" # behind "CMD"
}

status()
{
	inside gatehouse status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

has_no_zombie()
{
	! inside sh -c 'cat /proc/[0-9]*/stat 2>/dev/null' | grep -q ') Z '
}

serves_models()
{
	[ "$(ask /v1/models -H "Authorization: Bearer $1" | tail -n 1)" = 200 ]
}

echo "image-check: running it"
until_so "it starts" first
until_so "the health check says so" is_healthy
inside grep -q '^Uid:	1000	1000	1000	1000$' /proc/1/status || fail "pid 1 is not of uid 1000"
inside sh -c 'tr "\0" " " </proc/1/cmdline' | grep -q 'gatehouse: master' || fail "pid 1 is not the master"
inside grep -q '^[0-9]* [0-9]* [0-9:]* [^ ]* / ro' /proc/1/mountinfo || fail "the root is not read-only"
ask /health | grep -q '"status":"healthy"' || fail "/health: $(ask /health)"
secret=$(inside gatehouse keys create --id image-check --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')
[ -n "$secret" ] || fail "no key could be made"
until_so "a request comes to the proxy and back" serves_models "$secret"
[ "$(ask /v1/models -H 'Authorization: Bearer pm_wrong' | tail -n 1)" = 401 ] || fail "a wrong key is let in"
inside test -f /app/workspace/started || fail "the proxy had no workspace"

before=$(status reloads_finished)
inside sh -c 'kill -HUP 1'
is_reloaded()
{
	[ "$(status reloads_finished)" -gt "$before" ]
}
until_so "SIGHUP reloads" is_reloaded
serves_models "$secret" || fail "the key is gone with the reload"

inside sh -c 'sh -c "exec sleep 0.3" & exec true' # whose child is pid 1's now
until_so "pid 1 reaps what is left to it" has_no_zombie

kill -TERM "$(first)"
code=0
wait "$outside" || code=$?
outside=
[ "$code" -eq 0 ] || fail "it ended with $code on SIGTERM"
echo "image-check: ok"
