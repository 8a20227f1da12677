#!/usr/bin/env bash
# Runs tests of packages as Windows programs, under Wine: packaging/wine.sh PACKAGE...
#
# Wine is that of Debian 13, in a folder of its own that is made for this and removed again; it needs root, debootstrap and a mirror
# of Debian, which is the one that apt uses. Debian 12's Wine is too old for Go. What Wine cannot show: access lists of files,
# the event log, recovery by the service manager, power cuts of NTFS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ $# -gt 0 ] || { echo "packaging/wine.sh: which packages?" >&2; exit 2; }
source packaging/debian.sh
needs_debian packaging/wine.sh

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

echo "a system with Wine"
make_debian trixie "$root"
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
quietly chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends wine wine64

mkdir "$root/tests"
for p in "$@"; do
	mkdir -p "$root/tests/$p"
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go test -c -o "$root/tests/$p/test.exe" "./$p"
	if [ -d "$p/testdata" ]; then cp -R "$p/testdata" "$root/tests/$p/"; fi
done

# Without the wait for the server the first programs may fail.
cat >"$root/tests/run" <<'END'
set -eu
wineboot -i >/dev/null 2>&1
wineserver -w
umask 077 # Wine makes access lists of it
cd /tests
for p in "$@"; do
	echo "tillpost/$p, windows/amd64"
	(cd "$p" && wine test.exe) || exit 1
done
END
# In name spaces of its own: nothing of it outlives it.
unshare --mount --pid --fork --kill-child bash -c '
	mount -t proc proc "$0/proc"
	mount --bind /dev "$0/dev"
	mount -t tmpfs tmpfs "$0/tmp"
	exec chroot "$0" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		XDG_RUNTIME_DIR=/tmp WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=" sh /tests/run "$@"' "$root" "$@"
