#!/bin/sh
# Builds a Debian package out of this tree: `make deb`, then build/gatehouse_VERSION_ARCH.deb.
#   contrib/debian/build.sh [FOLDER]      FOLDER (build) gets the package
# Written with dpkg-deb alone: one binary package, one program, no source package.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(realpath -m "${1:-$root/build}")
version=$(sed -n 's/^#.*define GATEHOUSE_VERSION "\(.*\)"/\1/p' "$root/common/version.h")
arch=$(dpkg --print-architecture)
changed=$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/debian/gatehouse
umask 022

# The names of shared libraries that the program needs, as Depends
libraries()
{
	mkdir -p "$work/debian"
	printf 'Source: gatehouse\n\nPackage: gatehouse\nArchitecture: any\n' >"$work/debian/control"
	(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/gatehouse" 2>"$work/shlibdeps.log") ||
	    { cat "$work/shlibdeps.log" >&2; exit 1; }
}

make -C "$root" --no-print-directory -s install PREFIX=/usr SYSCONFDIR=/etc DESTDIR="$tree"
strip --remove-section=.comment --remove-section=.note "$tree/usr/bin/gatehouse"

doc=$tree/usr/share/doc/gatehouse
mkdir -p "$doc/examples" "$tree/DEBIAN"
mv "$tree"/etc/gatehouse/*.example "$doc/examples/"
install -m 600 "$root/contrib/debian/gatehouse.env" "$tree/etc/gatehouse/gatehouse.env"
install -m 644 "$root/README.md" "$root/SECURITY.md" "$doc/"
install -m 644 "$root/contrib/debian/copyright" "$doc/copyright"
printf 'gatehouse (%s) stable; urgency=medium\n\n  * Built from its source tree.\n\n -- %s  %s\n' \
    "$version" "gatehouse maintainers <maintainers@gatehouse.invalid>" \
    "$(date -R -u -d "@$changed")" | gzip -9n >"$doc/changelog.gz"
mkdir "$tree/usr/share/zsh/vendor-completions"
mv "$tree/usr/share/zsh/site-functions/_gatehouse" "$tree/usr/share/zsh/vendor-completions/"
rmdir "$tree/usr/share/zsh/site-functions"
gzip -9n "$tree/usr/share/man/man8/gatehouse.8"

libs=$(libraries | sed -n 's/^shlibs:Depends=//p')
size=$(du -sk --exclude=DEBIAN "$tree" | cut -f1)
sed -e "s|@version@|$version|" -e "s|@arch@|$arch|" -e "s|@size@|$size|" -e "s|@libs@|$libs|" \
    "$root/contrib/debian/control.in" >"$tree/DEBIAN/control"
echo /etc/gatehouse/gatehouse.env >"$tree/DEBIAN/conffiles"
install -m 755 "$root/contrib/debian/postinst" "$root/contrib/debian/prerm" \
    "$root/contrib/debian/postrm" "$tree/DEBIAN/"
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)

mkdir -p "$out"
export SOURCE_DATE_EPOCH="$changed"
dpkg-deb --root-owner-group --build "$tree" "$out/gatehouse_${version}_$arch.deb"
