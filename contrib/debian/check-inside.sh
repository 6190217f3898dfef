#!/bin/bash
# What the package does on a machine with systemd; run by check.sh inside of one, as root.
# Each step says what must hold; the first that doesn't ends it.
set -euo pipefail

users="gatehouse gatehouse-admin gatehouse-upstream"
url=http://127.0.0.1:8080

step() { echo "  $*"; }
on_error()
{
	echo "FAILED in line $1" >&2
	systemctl status --no-pager --full gatehouse || true
	journalctl --no-pager -o short -u gatehouse | tail -n 60
}
trap 'on_error $LINENO' ERR

# until WHAT COMMAND...: 20 s for it to be so
until_true()
{
	local what=$1
	shift
	for _ in $(seq 200); do
		if "$@"; then
			return 0
		fi
		sleep 0.1
	done
	echo "did not happen: $what" >&2
	return 1
}
not() { if "$@"; then return 1; fi; }
code() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
is_code() { [ "$(code "${@:2}")" = "$1" ]; }
main_pid() { systemctl show -p MainPID --value gatehouse; }
workers() { pgrep -P "$(main_pid)" -f worker; }
mode_of() { stat -c '%a %U' "$1"; }

ip link set lo up 2>/dev/null || step "(no ip command: lo as the kernel left it)"
find / -xdev -not -path '/proc/*' -not -path '/tmp/*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' \
    -not -path '/var/cache/*' -not -path '/check*' | sort >/tmp/before

step "it installs, starts, and is enabled"
dpkg -i /gatehouse.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; false; }
systemctl is-active --quiet gatehouse
systemctl is-enabled --quiet gatehouse
[ "$(code $url/health)" = 200 ]

step "folders and files have their owners and modes"
[ "$(mode_of /etc/gatehouse)" = "755 root" ]
[ "$(mode_of /etc/gatehouse/gatehouse.env)" = "600 root" ]
[ "$(mode_of /etc/gatehouse/keys)" = "700 gatehouse-admin" ]
[ "$(mode_of /var/lib/gatehouse)" = "711 gatehouse-admin" ]
[ "$(mode_of /var/lib/gatehouse-upstream)" = "700 gatehouse-upstream" ]

step "each process runs as its user, and only the master keeps capabilities"
[ "$(ps -o user= -p "$(main_pid)")" = root ]
[ "$(pgrep -c -P "$(main_pid)" -u gatehouse)" -ge 1 ]
[ "$(pgrep -c -P "$(main_pid)" -u gatehouse-admin)" = 1 ]
for pid in $(pgrep -P "$(main_pid)"); do
	[ "$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status")" = 0000000000000000 ]
	[ "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")" = 2 ]
done

step "a key is made, and holds at once"
key=$(gatehouse keys create -d check 2>/dev/null | grep -o 'pm_[A-Za-z0-9_-]*' | head -n 1)
[ -n "$key" ]
until_true "the key is known" is_code 200 -H "Authorization: Bearer $key" $url/auth/key-info
[ "$(code -H 'Authorization: Bearer pm_wrong' $url/auth/key-info)" = 401 ]

step "a reload is done, a bad one is refused and changes nothing"
systemctl reload gatehouse
echo 'not json' >/etc/gatehouse/gatehouse.json
not systemctl reload gatehouse 2>/dev/null
rm /etc/gatehouse/gatehouse.json
systemctl reload gatehouse
[ "$(stat -c '%G' /run/gatehouse/admin.sock)" = gatehouse ]
[ "$(mode_of /var/lib/gatehouse)" = "711 gatehouse-admin" ]
[ "$(code -H "Authorization: Bearer $key" $url/auth/key-info)" = 200 ]

step "killed processes are replaced and the service goes on"
before=$(main_pid)
pkill -KILL -P "$before" -u gatehouse
until_true "it serves again" is_code 200 $url/health
[ "$(main_pid)" = "$before" ]

step "a restart keeps the key"
systemctl restart gatehouse
[ "$(main_pid)" != "$before" ]
[ "$(code -H "Authorization: Bearer $key" $url/auth/key-info)" = 200 ]

step "an upgrade leaves it running, with its settings and keys"
echo '# changed here' >>/etc/gatehouse/gatehouse.env
before=$(main_pid)
dpkg -i /gatehouse.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; false; }
systemctl is-active --quiet gatehouse
[ "$(main_pid)" = "$before" ]
[ "$(tail -n 1 /etc/gatehouse/gatehouse.env)" = '# changed here' ]
[ "$(code -H "Authorization: Bearer $key" $url/auth/key-info)" = 200 ]

step "nothing of it was an error, but the reload that had to be"
errors=$(journalctl --no-pager -o cat -u gatehouse | grep '"level":"error"' |
    grep -v '"event":"reload"' | grep -v '"event":"child_exit"' || true)
[ -z "$errors" ] || { echo "$errors"; false; }

step "removing it stops it and keeps what belongs to the operator"
before=$(main_pid)
[ "$before" -gt 1 ]
dpkg -r gatehouse >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; false; }
[ ! -e "/proc/$before" ]
not pgrep -u gatehouse >/dev/null
[ -f /etc/gatehouse/keys/api_keys.json ] && [ -f /etc/gatehouse/gatehouse.env ]

step "it comes back with them"
dpkg -i /gatehouse.deb >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; false; }
[ "$(code -H "Authorization: Bearer $key" $url/auth/key-info)" = 200 ]

step "purging leaves nothing"
dpkg -P gatehouse >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; false; }
for user in $users; do
	not getent passwd "$user" >/dev/null
	not getent group "$user" >/dev/null
done
not systemctl cat gatehouse >/dev/null 2>&1
find / -xdev -not -path '/proc/*' -not -path '/tmp/*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' \
    -not -path '/var/cache/*' -not -path '/check*' | sort >/tmp/after
diff /tmp/before /tmp/after | grep -v -e '^[0-9]' -e '/etc/\(passwd\|group\|shadow\|gshadow\|subuid\|subgid\)-$' \
    -e '/var/lib/systemd/' -e '/etc/\.pwd\.lock$' >/tmp/left || true
[ ! -s /tmp/left ] || { cat /tmp/left; false; }
