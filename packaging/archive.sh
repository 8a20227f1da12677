#!/usr/bin/env bash
# Makes an archive for neither package manager nor Windows Installer: packaging/archive.sh linux|windows amd64|arm64
# [FOLDER], of dist/build/OS-ARCH, into dist. `make archives` calls it. The same files give the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

os=$1 arch=$2 to=${3:-dist} build=${BUILD:-dist/build}
: "${VERSION:?}" "${SOURCE_DATE_EPOCH:?}" "${UNIT:?}"
name=tillpost-$VERSION-$os-$arch
folder=$build/archive/$name
out=$(realpath "$to")/$name

rm -rf "$folder"
mkdir -p "$folder"
cp README.md CHANGELOG.md LICENSE "$folder/"
cp -R docs "$folder/"
if [ "$os" = windows ]; then
	cp "$build/$os-$arch/tillpost.exe" packaging/windows/install.cmd packaging/windows/uninstall.cmd "$folder/"
else
	cp "$build/$os-$arch/tillpost" packaging/linux/install.sh packaging/linux/uninstall.sh "$UNIT" "$folder/"
fi
# Neither the umask nor the clock of whoever makes it is in it.
chmod -R u=rwX,go=rX "$folder"
find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

cd "$folder/.."
if [ "$os" = windows ]; then
	rm -f "$out.zip"
	find "$name" -type f | LC_ALL=C sort | TZ=UTC zip -q -X -9 "$out.zip" -@
	echo "made $to/$name.zip"
else
	tar --format=gnu --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$out.tar.gz"
	echo "made $to/$name.tar.gz"
fi
