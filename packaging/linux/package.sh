#!/usr/bin/env bash
# Makes a package: packaging/linux/package.sh deb|rpm amd64|arm64 [FOLDER], of dist/build/linux-ARCH/tillpost, into dist. `make deb rpm`
# calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

format=$1 to=${3:-dist}
export ARCH=$2 BUILD=${BUILD:-dist/build}
export STAGE=$BUILD/share
: "${VERSION:?}" "${SOURCE_DATE_EPOCH:?}" "${UNIT:?}" "${MAINTAINER:?}"

# The manual, the completions and the changelog are the same for every processor: the program of this machine makes them.
program=$BUILD/linux-$(go env GOHOSTARCH)/tillpost
rm -rf "$STAGE"
mkdir -p "$STAGE"
"$program" man "$STAGE/man"
find "$STAGE/man" -type f -exec gzip -9n {} +
for shell in bash fish zsh; do "$program" completion $shell >"$STAGE/tillpost.$shell"; done
for size in 48 256; do go -C packaging/tools run ./icon "$(realpath "$STAGE")/tillpost-$size.png" $size; done
gzip -9nc CHANGELOG.md >"$STAGE/changelog.gz"
gzip -9n >"$STAGE/changelog.Debian.gz" <<END
tillpost ($VERSION-1) stable; urgency=medium

  * What changed for a store is in changelog.gz.

 -- $MAINTAINER  $(LC_ALL=C date -uR -d "@$SOURCE_DATE_EPOCH")
END
chmod -R u=rwX,go=rX "$STAGE"

umask 022
nfpm=$(go -C packaging/tools tool -n nfpm)
case $format/$ARCH in
deb/*) out=$to/tillpost_$VERSION-1_$ARCH.deb ;;
rpm/amd64) out=$to/tillpost-$VERSION-1.x86_64.rpm ;;
rpm/arm64) out=$to/tillpost-$VERSION-1.aarch64.rpm ;;
*) echo "package.sh: no package for $format on $ARCH" >&2; exit 2 ;;
esac
"$nfpm" package -f packaging/linux/nfpm.yaml -p "$format" -t "$out" >/dev/null
echo "made $out"
