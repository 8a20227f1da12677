#!/usr/bin/env bash
# Installs, upgrades and removes tillpost by its MSI and by the archive's scripts, under Wine: packaging/windows.sh [FOLDER [LIFE...]]
#
# A life is a script in packaging/windows, life-LIFE.sh; without one all of them are run, each in a Windows of its own. In `stub` a program
# that only writes down what it is asked stands in for tillpost.exe: so one sees what the MSI itself does, and what it does where the program
# fails. Wine is that of packaging/wine.sh; it is made for this and removed again, or, with FOLDER, kept there for the next time. What Wine
# cannot show: that a failed upgrade brings the old version back, hidden properties in the log, delayed start by the MSI's own table, a
# quoted path in the service's entry, UPGRADINGPRODUCTCODE; and whatever packaging/wine.sh says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${TAGS:=$(make -s tags)}" # as a release has them

source packaging/debian.sh
needs_debian packaging/windows.sh

work=$(mktemp -d)
switch_off() {
	umount "$work/sys" 2>/dev/null || true
	umount "$work/top" 2>/dev/null || true
}
finish() {
	switch_off
	rm -rf --one-file-system "$work"
}
trap finish EXIT

base=${1:-$work/base}
shift || true
lives=("$@")
[ ${#lives[@]} -gt 0 ] || lives=(stub real)
if [ ! -e "$base" ]; then
	echo "a system with Wine"
	make_wine "$base"
fi

echo "five versions"
mkdir "$work/t"
mkdir -p dist/build
go -C packaging/tools run ./icon "$PWD/dist/build/tillpost.ico"
winres=$(go -C packaging/tools tool -n go-winres)
export CGO_ENABLED=0 GOOS=windows GOARCH=amd64 VERSION
for VERSION in 0.1.1 0.1.2 0.1.3 0.1.4 0.1.5; do
	for name in $VERSION-stub $VERSION; do
		exe=$work/t/$name.exe
		if [ $name = $VERSION ]; then
			go build -tags "$TAGS" -trimpath -ldflags "-s -w -X tillpost/cli.version=$VERSION" -o "$exe" .
		else
			go -C packaging/tools build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o "$exe" ./stub
		fi
		"$winres" patch --no-backup --in packaging/windows/winres.json --product-version $VERSION --file-version $VERSION "$exe"
		packaging/windows/msi.sh "$exe" amd64 "$work/t/$name.msi" >/dev/null
	done
done
cp packaging/shared.sh packaging/windows/common.sh packaging/windows/life-*.sh packaging/windows/install.cmd packaging/windows/uninstall.cmd docs/install-windows.md "$work/t/"

for life in "${lives[@]}"; do
	echo "=== $life"
	# What the test writes goes to memory, above the system.
	mkdir -p "$work/top" "$work/sys"
	mount -t tmpfs tmpfs "$work/top"
	mkdir "$work/top/upper" "$work/top/work"
	mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/top/upper,workdir=$work/top/work" "$work/sys"
	mkdir -p "$work/sys/t"
	cp -R "$work/t/." "$work/sys/t/"
	in_wine "$work/sys" bash "/t/life-$life.sh"
	switch_off
done
echo "all of it held"
