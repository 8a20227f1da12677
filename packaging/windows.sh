#!/usr/bin/env bash
# Installs, upgrades and removes tillpost by its MSI and by the archive's scripts, under Wine: packaging/windows.sh [--stub] [FOLDER]
#
# With --stub a program that only writes down what it is asked stands in for tillpost.exe: so one sees what the MSI itself does. Wine
# is that of packaging/wine.sh; it is made for this and removed again, or, with FOLDER, kept there for the next time. What Wine cannot
# show: that a failed upgrade brings the old version back, hidden properties in the log, delayed start by the MSI's own table, a
# quoted path in the service's entry, UPGRADINGPRODUCTCODE; and whatever packaging/wine.sh says.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stub=
if [ "${1:-}" = --stub ]; then
	stub=stub
	shift
fi
source packaging/debian.sh
needs_debian packaging/windows.sh

work=$(mktemp -d)
finish() {
	umount "$work/sys" 2>/dev/null || true
	umount "$work/top" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap finish EXIT

base=${1:-$work/base}
if [ ! -e "$base" ]; then
	echo "a system with Wine"
	make_wine "$base"
fi

# What the test writes goes to memory, above the system.
mkdir "$work/top" "$work/sys"
mount -t tmpfs tmpfs "$work/top"
mkdir "$work/top/upper" "$work/top/work"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/top/upper,workdir=$work/top/work" "$work/sys"

echo "four versions"
mkdir "$work/sys/t" dist/build -p
go -C packaging/tools run ./icon "$PWD/dist/build/tillpost.ico"
winres=$(go -C packaging/tools tool -n go-winres)
export CGO_ENABLED=0 GOOS=windows GOARCH=amd64 VERSION
for VERSION in 0.1.1 0.1.2 0.1.3 0.1.4; do
	exe=$work/sys/t/$VERSION.exe
	if [ -n "$stub" ]; then
		go -C packaging/tools build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o "$exe" ./stub
	else
		go build -trimpath -ldflags "-s -w -X tillpost/cli.version=$VERSION" -o "$exe" .
	fi
	"$winres" patch --no-backup --in packaging/windows/winres.json --product-version $VERSION --file-version $VERSION "$exe"
	packaging/windows/msi.sh "$exe" amd64 "$work/sys/t/$VERSION.msi" >/dev/null
done
cp packaging/windows/lifecycle.sh packaging/windows/install.cmd packaging/windows/uninstall.cmd "$work/sys/t/"
in_wine "$work/sys" bash /t/lifecycle.sh $stub
