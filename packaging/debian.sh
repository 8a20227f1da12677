# What wine.sh and systemd.sh share: a Debian in a folder of its own. They read it with `source`, from the project's folder.

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
	quietly debootstrap --variant=minbase "$@" "$release" "$folder" "$mirror"
}

# quietly COMMAND...: what it prints is shown where it fails.
quietly() {
	local log status=0
	log=$("$@" 2>&1) || status=$?
	[ $status -eq 0 ] || printf '%s\n' "$log" >&2
	return $status
}
