#!/bin/bash
# Tries the Debian package where nothing can be harmed: `make deb-check`, as root.
#   contrib/debian/check.sh [PACKAGE]      PACKAGE: the newest build/gatehouse_*.deb
# A minimal Debian is made (mmdebstrap) and its systemd started in namespaces of its own,
# without a network. In there check-inside.sh installs, uses, upgrades and purges the package;
# its exit status is that of the whole. Needs a cgroup2 hierarchy, in which one group is made.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
package=${1:-$(find "$here/../../build" -maxdepth 1 -name 'gatehouse_*.deb' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)}
seconds=300
[ -f "$package" ] || { echo "deb-check: no package; run make deb" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || { echo "deb-check: needs root, for namespaces and a cgroup" >&2; exit 1; }
hierarchy=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
[ -n "$hierarchy" ] || { echo "deb-check: needs a mounted cgroup2" >&2; exit 1; }

work=$(mktemp -d)
group=$hierarchy/gatehouse-deb-check-$$

# A control group that is empty can be removed, its innermost ones first.
on_exit()
{
	if [ -d "$group" ]; then
		! [ -f "$group/cgroup.kill" ] || echo 1 >"$group/cgroup.kill"
		for _ in $(seq 100); do
			find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
			[ -d "$group" ] || break
			sleep 0.1
		done
	fi
	rm -rf --one-file-system "$work"
}
trap on_exit EXIT

# What the package depends on, the first of alternatives, without versions.
wanted=$(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/ //g' | sort -u | paste -sd,)
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
echo "deb-check: making a minimal Debian ($suite)"
mmdebstrap --quiet --variant=minbase --include="systemd-sysv,dbus,curl,procps,$wanted" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/gatehouse/*' \
    "$suite" "$work/root" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
cp "$package" "$work/root/gatehouse.deb"
install -m 755 "$here/check-inside.sh" "$work/root/check.sh"
cat >"$work/root/etc/systemd/system/check.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/check.sh >/check.log 2>&1; echo $? >/check.status'
ExecStopPost=/bin/systemctl --no-block exit 0
TimeoutStartSec=250
[Install]
WantedBy=default.target
END
chroot "$work/root" systemctl --quiet enable check.service

# Within the namespaces: file systems as a container has them, then systemd as pid 1.
cat >"$work/enter.sh" <<'END'
set -e
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts" "$root/.old"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
cd "$root"
pivot_root . .old
umount -l .old
mount --make-rshared /
exec env -i container=deb-check PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --show-status=0 --log-target=console --log-level=warning
END

echo "deb-check: starting its systemd"
mkdir "$group"
(
	echo $BASHPID >"$group/cgroup.procs"
	exec timeout --signal=KILL "$seconds" unshare --mount --pid --uts --ipc --net --cgroup --fork \
	    --kill-child --propagation private sh "$work/enter.sh" "$work/root"
) >"$work/console" 2>&1 </dev/null || true

cat "$work/root/check.log" 2>/dev/null || true
if [ "$(cat "$work/root/check.status" 2>/dev/null)" != 0 ]; then
	cat "$work/console"
	echo "deb-check: FAILED" >&2
	exit 1
fi
echo "deb-check: passed"
