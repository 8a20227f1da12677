#!/usr/bin/env bash
# Runs tillpost as docs/install-linux.md says, in a real systemd: packaging/systemd.sh [FOLDER]
#
# The system is a Debian 12 in a folder of its own, booted in name spaces of its own, without a network; it is made for this and
# removed again, or, with FOLDER, kept there for the next time. It needs root, debootstrap and a mirror of Debian, which is the
# one that apt uses. What it cannot show: limits of memory and tasks, power cuts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source packaging/debian.sh
needs_debian packaging/systemd.sh

work=$(mktemp -d) booted=
finish() {
	if [ -n "$booted" ]; then kill -9 "$booted" 2>/dev/null || true; wait "$booted" 2>/dev/null || true; fi
	umount "$work/sys" 2>/dev/null || true
	umount "$work/top" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap finish EXIT

base=${1:-$work/base}
if [ ! -e "$base/lib/systemd/systemd" ]; then
	echo "a system with systemd"
	make_debian bookworm "$base" --include=systemd,systemd-sysv,dbus,udev,iproute2,procps,acl
fi

# What the test writes goes to memory, above the system.
mkdir "$work/top" "$work/sys"
mount -t tmpfs tmpfs "$work/top"
mkdir "$work/top/upper" "$work/top/work"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/top/upper,workdir=$work/top/work" "$work/sys"
CGO_ENABLED=0 go build -trimpath -o "$work/sys/usr/bin/tillpost" .
install -m 644 packaging/linux/tillpost.service "$work/sys/etc/systemd/system/"
install -m 755 packaging/linux/lifecycle.sh "$work/sys/run-lifecycle"

cat >"$work/boot" <<'END'
set -e
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for d in null zero full random urandom tty; do touch dev/$d; mount --bind /dev/$d dev/$d; done
mkdir dev/pts dev/shm
mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666
ln -s pts/ptmx dev/ptmx
mkdir -p .old
pivot_root . .old
umount -l /.old
exec env -i container=tillpost-test /lib/systemd/systemd --log-target=null
END
unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child bash "$work/boot" "$work/sys" >"$work/console" 2>&1 &
booted=$!
for _ in $(seq 100); do
	init=$(pgrep -P "$booted" || true)
	if [ -n "$init" ] && [ "$(cat "/proc/$init/comm" 2>/dev/null)" = systemd ] && nsenter -t "$init" -a -r -w systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then
		break
	fi
	sleep 0.2
done
nsenter -t "$init" -a -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash /run-lifecycle || { cat "$work/console"; exit 1; }
