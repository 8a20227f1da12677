#!/usr/bin/env bash
# Installs, upgrades and removes the deb and the rpm, and runs the playbook, in the real systemd of packaging/systemd.sh:
# packaging/packages.sh [FOLDER [LIFE...]], as there.
#
# It adds rpm and Ansible to that Debian, and puts two versions of each package into its /packages, for packaging/linux/life-packages.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source packaging/debian.sh
needs_debian packaging/packages.sh

work=$(mktemp -d)
finish() {
	umount "$work/plain" 2>/dev/null || true
	umount "$work/top" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap finish EXIT

base=${1:-$work/base}
if [ ! -e "$base" ]; then
	echo "a system with systemd, rpm and Ansible"
	rm -rf --one-file-system "$base.new"
	make_debian bookworm "$base.new" --include=systemd,systemd-sysv,dbus,udev,iproute2,procps,acl,adduser
	add_to_debian "$base.new" rpm ansible-core python3-apt
	mv "$base.new" "$base"
fi

: "${UNIT:=$(make -s unit)}" "${TAGS:=$(make -s tags)}" "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
arch=$(go env GOHOSTARCH)
export UNIT SOURCE_DATE_EPOCH BUILD=$work/build MAINTAINER="nobody <nobody@tillpost.example>"
rm -rf "$base/packages"
mkdir "$base/packages"
cp -R packaging/ansible docs "$base/packages/"
for n in 1 2; do
	export VERSION=0.1.$n
	CGO_ENABLED=0 go build -tags "$TAGS" -trimpath -ldflags "-s -w -X tillpost/cli.version=$VERSION" -o "$BUILD/linux-$arch/tillpost" .
	for format in deb rpm; do
		packaging/linux/package.sh $format "$arch" "$work" >/dev/null
		mv "$work"/*"$VERSION"*.$format "$base/packages/$n.$format"
	done
done
packaging/archive.sh linux "$arch" "$work" >/dev/null
mv "$work"/*.tar.gz "$base/packages/archive.tar.gz"
cp "$BUILD/linux-$arch/tillpost" "$base/packages/program"

# Where no systemd runs, such as in an image that is being built, no script of a package fails.
echo "without systemd"
mkdir "$work/top" "$work/plain"
mount -t tmpfs tmpfs "$work/top"
mkdir "$work/top/upper" "$work/top/work"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/top/upper,workdir=$work/top/work" "$work/plain"
quietly chroot "$work/plain" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -euxc '
	wanted=/etc/systemd/system/multi-user.target.wants/tillpost.service
	dpkg -i /packages/1.deb
	[ -L $wanted ]
	dpkg -i /packages/2.deb
	dpkg -r tillpost
	dpkg -P tillpost
	[ ! -L $wanted ]
	rpm -i --nodeps /packages/1.rpm
	rpm -U --nodeps /packages/2.rpm
	[ -x /usr/bin/tillpost ]
	rpm -e tillpost
	[ ! -e /usr/bin/tillpost ] && [ ! -L $wanted ]'
umount "$work/plain"

shift || true
packaging/systemd.sh "$base" "$@"
