#!/usr/bin/env bash
# Writes dist/SHA256SUMS, and signs it where MINISIGN_KEY names a secret key of minisign: `make checksums` calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../dist"

rm -f SHA256SUMS SHA256SUMS.minisig
sums=$(find . -maxdepth 1 -type f -printf '%f\n' | LC_ALL=C sort | xargs -r -d '\n' sha256sum)
[ -n "$sums" ] || { echo "checksums.sh: dist is empty; make release fills it" >&2; exit 1; }
printf '%s\n' "$sums" >SHA256SUMS
echo "made dist/SHA256SUMS"
if [ -n "${MINISIGN_KEY:-}" ]; then
	minisign -S -s "$MINISIGN_KEY" -m SHA256SUMS -t "tillpost ${VERSION:?}" >/dev/null
	echo "signed dist/SHA256SUMS"
else
	echo "NOT SIGNED: dist/SHA256SUMS (no MINISIGN_KEY): nobody can tell whose files these are"
fi
