#!/usr/bin/env bash
# Runs tests of packages as Windows programs, under Wine: packaging/wine.sh [--in FOLDER] PACKAGE...
#
# Wine is that of Debian 13, in a folder of its own that is made for this and removed again, or, with FOLDER, kept there for the
# next time; it needs root, debootstrap and a mirror of Debian, which is the one that apt uses. Debian 12's Wine is too old for Go.
# What Wine cannot show: access lists of files, the event log, recovery by the service manager, power cuts of NTFS. The tests that
# it cannot pass are left out by name below; each of them runs on Linux.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
if [ "${1:-}" = --in ]; then
	root=$2
	shift 2
fi
[ $# -gt 0 ] || { echo "packaging/wine.sh: which packages?" >&2; exit 2; }
source packaging/debian.sh
needs_debian packaging/wine.sh

if [ ! -e "$root" ]; then
	echo "a system with Wine"
	make_wine "$root"
fi

rm -rf "$root/tests"
mkdir "$root/tests"
for p in "$@"; do
	mkdir -p "$root/tests/$p"
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go test -c -o "$root/tests/$p/test.exe" "./$p"
	if [ -d "$p/testdata" ]; then cp -R "$p/testdata" "$root/tests/$p/"; fi
done

# What is removed while it is open stays there under its name until it is closed, and those who watch it hear nothing of that;
# Windows takes the name away, and tells. A renaming that changes case alone changes nothing there. A name with a character that
# turns the text around cannot be made there, and a link to a folder leads nowhere.
echo '^TestInitCannotCommandTheTerminal$|^TestSiblingsWhoseNamesBeginAlikeAreBothWatched$|^TestAnExportWhoseNameChangesInCaseAloneIsTold$|^TestTheWatchFollowsThePathAndNotTheFolder$/^removed_and|^TestASnapshotIsOfTheVersionThatWasTold$/^it_was_deleted_meanwhile$|^TestAFolderThatIsReplacedIsWatchedAnewForAll$/^removed$|^TestAFolderThatTwoWatchStaysWatchedWhenOneEnds$/^linked_true$' >"$root/tests/left-out"

cat >"$root/tests/run" <<'END'
set -eu
umask 077 # Wine makes access lists of it
cd /tests
for p in "$@"; do
	echo "tillpost/$p, windows/amd64"
	case $p in
	cli) flags='-test.run=Init|Purge|TokenSet|AnotherProgram' ;; # what sets Windows up, or is for Windows
	outbox) flags=-rapid.checks=10 ;; # a tenth of the usual: what its model writes takes many times as long here
	*) flags= ;;
	esac
	(cd "$p" && wine test.exe -test.skip "$(cat ../left-out)" $flags) || exit 1
done
END
in_wine "$root" sh /tests/run "$@"
