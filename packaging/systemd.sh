#!/usr/bin/env bash
# Runs tillpost as a service of a real systemd: packaging/systemd.sh [FOLDER [LIFE...]]
#
# A life is a script in packaging/linux, life-LIFE.sh; without one all of them are run. Each has a Debian 12 of its own, booted in
# name spaces of its own, without a network. That Debian is made for this and removed again, or, with FOLDER, kept there for the
# next time ("" = not kept). A life with the line "# phases: N" is run N times, with 1 to N, and the computer is started anew
# in between. It needs root, debootstrap and a mirror of Debian, which is the one that apt uses. What it cannot show: limits of
# memory and tasks, power cuts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${TAGS:=$(make -s tags)}" # as a release has them

source packaging/debian.sh
needs_debian packaging/systemd.sh

work=$(mktemp -d) booted=
finish() {
	shut_down
	rm -rf --one-file-system "$work"
}
trap finish EXIT

base=${1:-$work/base}
shift || true
lives=("$@")
if [ ${#lives[@]} -eq 0 ]; then
	for script in packaging/linux/life-*.sh; do
		script=${script##*/life-}
		lives+=("${script%.sh}")
	done
fi

if [ ! -e "$base/lib/systemd/systemd" ]; then
	echo "a system with systemd"
	make_debian bookworm "$base" --include=systemd,systemd-sysv,dbus,udev,iproute2,procps,acl,adduser
fi
mkdir "$work/life"
CGO_ENABLED=0 go build -tags "$TAGS" -trimpath -ldflags "-X tillpost/cli.version=98.0.0" -o "$work/life/tillpost" .
CGO_ENABLED=0 go build -tags "$TAGS" -trimpath -ldflags "-X tillpost/cli.version=99.0.0" -o "$work/life/tillpost-newer" .
cp installer/tillpost.service packaging/shared.sh packaging/linux/life*.sh outbox/testdata/format-1.tar.gz "$work/life/"

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
mount --make-rshared / # as systemd has it that boots a computer; credentials need it
exec env -i container=tillpost-test /lib/systemd/systemd --log-target=null
END

is_up() {
	local state
	state=$(inside systemctl is-system-running 2>/dev/null || true) # its exit status is for "running" alone
	[[ "$state" = running || "$state" = degraded ]]
}

# boot starts the system in $work/sys; its first process is then $init.
boot() {
	unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child bash "$work/boot" "$work/sys" >"$work/console" 2>&1 &
	booted=$!
	for _ in $(seq 150); do
		init=$(pgrep -P "$booted" || true)
		if [ -n "$init" ] && [ "$(cat "/proc/$init/comm" 2>/dev/null)" = systemd ] && is_up; then
			return
		fi
		sleep 0.2
	done
	cat "$work/console"
	echo "packaging/systemd.sh: the system does not come up" >&2
	return 1
}

inside() { nsenter -t "$init" -a -r -w env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }

shut_down() {
	if [ -n "$booted" ]; then kill -9 "$booted" 2>/dev/null || true; wait "$booted" 2>/dev/null || true; fi
	booted=
	umount "$work/sys" 2>/dev/null || true
	umount "$work/top" 2>/dev/null || true
}

# reboot starts the system anew, as a person at it would.
reboot() {
	inside systemctl reboot >/dev/null 2>&1 || true
	wait "$booted" 2>/dev/null || true
	booted=
	boot
}

for life in "${lives[@]}"; do
	echo "=== $life"
	# What is written goes to memory, above the system.
	mkdir -p "$work/top" "$work/sys"
	mount -t tmpfs tmpfs "$work/top"
	mkdir "$work/top/upper" "$work/top/work"
	mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/top/upper,workdir=$work/top/work" "$work/sys"
	mkdir "$work/sys/life"
	cp -R "$work/life/." "$work/sys/life/"
	phases=$(sed -n 's/^# phases: \([0-9]*\)$/\1/p' "packaging/linux/life-$life.sh")
	for phase in $(seq "${phases:-1}"); do
		if [ "$phase" -eq 1 ]; then boot; else echo "the computer is started anew"; reboot; fi
		inside bash "/life/life-$life.sh" "$phase" || { cat "$work/console"; exit 1; }
	done
	shut_down
done
echo "all of it held"
