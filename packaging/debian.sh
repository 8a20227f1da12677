# What the scripts of packaging share: a Debian in a folder of its own, and Wine in one. They read it with `source`, from the
# project's folder.

# needs_debian NAME: ends the script where it cannot make one.
needs_debian() {
	[ "$(id -u)" -eq 0 ] || { echo "$1: it needs root, for a system in a folder of its own" >&2; exit 1; }
	command -v debootstrap >/dev/null || { echo "$1: it needs debootstrap: apt-get install debootstrap" >&2; exit 1; }
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m1 debian || true)
	[ -n "$mirror" ] || { echo "$1: apt names no mirror of Debian; run apt-get update" >&2; exit 1; }
}

# make_debian RELEASE FOLDER [FLAG...]: a small one, from the mirror that apt uses.
make_debian() {
	local release=$1 folder=$2
	shift 2
	quietly env -u TMPDIR debootstrap --variant=minbase "$@" "$release" "$folder" "$mirror"
}

# add_to_debian FOLDER PACKAGE...: nothing of this system's environment is for the other one but its proxies; a TMPDIR, for one, is
# not there.
add_to_debian() {
	local folder=$1
	shift
	cp /etc/resolv.conf "$folder/etc/" 2>/dev/null || true
	quietly chroot "$folder" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" DEBIAN_FRONTEND=noninteractive \
		apt-get install -q -y --no-install-recommends "$@"
}

# make_wine FOLDER: Wine in a Debian 13, that of Debian 12 is too old for Go, and in it a Windows that has been started once.
make_wine() {
	rm -rf --one-file-system "$1.new"
	make_debian trixie "$1.new"
	add_to_debian "$1.new" wine wine64
	# Without the wait for the server the first programs may fail.
	quietly in_wine "$1.new" sh -c 'wineboot -i && wineserver -w'
	mv "$1.new" "$1"
}

# in_wine FOLDER COMMAND...: in name spaces of its own: nothing of it outlives it.
in_wine() {
	unshare --mount --pid --fork --kill-child bash -c '
		mount -t proc proc "$0/proc"
		mount --bind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/tmp"
		exec chroot "$0" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			XDG_RUNTIME_DIR=/tmp WINEDEBUG=-all WINEDLLOVERRIDES="mscoree=;mshtml=" "$@"' "$@"
}

# quietly COMMAND...: what it prints is shown where it fails.
quietly() {
	local log status=0
	log=$("$@" 2>&1) || status=$?
	[ $status -eq 0 ] || printf '%s\n' "$log" >&2
	return $status
}
