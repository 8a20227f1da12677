#!/usr/bin/env bash
# Makes the MSI: packaging/windows/msi.sh PROGRAM amd64|arm64 FILE.msi, of a tillpost.exe that is ready and signed. VERSION is the
# environment's. `make msi` calls it.
#
# wixl makes it from tillpost.wxs, and leaves out what it does not know; that is added here, table by table. packaging/check.sh
# looks for all of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

program=$(realpath --relative-to=. "$1") arch=$2 out=$3 # wixl takes no absolute path
: "${VERSION:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
msi=$work/made.msi

case $arch in
amd64) template='x64;1033' ;;
arm64) template='Arm64;1033' ;; # wixl has no such processor: its x64 is the same but for this word
*) echo "msi.sh: no MSI for $arch" >&2; exit 2 ;;
esac
said=$(wixl -a x64 -D VERSION="$VERSION" -D EXE="$program" -D ICON=dist/build/tillpost.ico -o "$msi" packaging/windows/tillpost.wxs 2>&1)
[ -z "$said" ] || { printf '%s\n' "$said" >&2; echo "msi.sh: wixl has left something out" >&2; exit 1; }
msibuild "$msi" -s "tillpost $VERSION" tillpost "$template" "{$(tr a-f A-F </proc/sys/kernel/random/uuid)}"

# table NAME: reads rows from standard input, columns between tabs, below the three lines that describe them.
table() {
	sed 's/$/\r/' >"$work/$1.idt"
	msibuild "$msi" -i "$work/$1.idt"
}
# Starts some minutes after the computer, when what the POS needs has started.
printf '%s\n' \
	$'MsiServiceConfig\tName\tEvent\tConfigType\tArgument\tComponent_' \
	$'s72\ts255\ti4\ti4\tS255\ts72' \
	$'MsiServiceConfig\tMsiServiceConfig' \
	$'Delayed\ttillpost\t5\t3\t1\tProgram' | table MsiServiceConfig
# `tillpost` in every new command window; the asterisk is for the computer's PATH, the minus takes it away with the program.
printf '%s\n' \
	$'Environment\tName\tValue\tComponent_' \
	$'s72\tl255\tL255\ts72' \
	$'Environment\tEnvironment' \
	$'Path\t=-*PATH\t[~];[INSTALLDIR]\tProgram' | table Environment

sql() { msibuild "$msi" -q "$1"; }
at() { sql "UPDATE \`InstallExecuteSequence\` SET \`Sequence\` = $2 WHERE \`Action\` = '$1'"; }
action() { sql "INSERT INTO \`InstallExecuteSequence\` (\`Action\`, \`Condition\`, \`Sequence\`) VALUES ('$1', '${3:-}', $2)"; }

# The old version goes first, and whole: later, every second upgrade leaves one registered.
at RemoveExistingProducts 1501
# Where a person double-clicks, Windows would look for what was given in the part without rights, and not again in the other.
sql "DELETE FROM \`InstallUISequence\` WHERE \`Action\` = 'AppSearch'"
at KeepUrl 51
at KeepFolder 52
at KeepStore 53
at KeepTokenFile 54
at Remove 1951 # the service has stopped, and is still there
at Purge 1952
at Setup 5870 # the service is there, and what fails is still rolled back
# At an upgrade the service stays what it is, with the account that somebody may have given it: Setup brings it into order, or makes
# it where there is none.
sql "UPDATE \`InstallExecuteSequence\` SET \`Condition\` = 'VersionNT AND NOT UPGRADINGPRODUCTCODE' WHERE \`Action\` = 'DeleteServices'"
sql "UPDATE \`InstallExecuteSequence\` SET \`Condition\` = 'VersionNT AND NOT WIX_UPGRADE_DETECTED' WHERE \`Action\` = 'InstallServices'"
action RemoveEnvironmentStrings 3300
action WriteEnvironmentStrings 5200
action MsiConfigureServices 5850

# Windows takes away no program that runs. Whoever looks at `tillpost status` while it is upgraded or removed gets half a minute to
# end; after that the new one comes with the next start of the computer, and the installer ends with 3010. To open the program
# for writing is what shows it.
wait='"[System64Folder]cmd.exe" /d /c for /l %i in (1,1,30) do (type nul >> "[INSTALLDIR]tillpost.exe" && exit 0 || ping -n 2 127.0.0.1)'
sql "INSERT INTO \`CustomAction\` (\`Action\`, \`Type\`, \`Source\`, \`Target\`) VALUES ('WaitForIt', 3170, 'INSTALLDIR', '$wait')" # type 34, deferred, as the system; what fails is passed over
action WaitForIt 1953 'REMOVE="ALL"'

# A rebuilt version takes the place of the same one (512), instead of standing beside it.
code=$(sed -n 's/.* UpgradeCode="\([^"]*\)".*/{\1}/p' packaging/windows/tillpost.wxs)
sql "DELETE FROM \`Upgrade\` WHERE \`ActionProperty\` = 'WIX_UPGRADE_DETECTED'"
sql "INSERT INTO \`Upgrade\` (\`UpgradeCode\`, \`VersionMax\`, \`Attributes\`, \`ActionProperty\`) VALUES ('$code', '$VERSION', 513, 'WIX_UPGRADE_DETECTED')"
# What wixl cannot say of the entry in the Start menu: the name that old Windows needs besides, and that its console stays small.
sql "UPDATE \`Shortcut\` SET \`Name\` = 'TILLPOST|tillpost status', \`ShowCmd\` = 7 WHERE \`Shortcut\` = 'Status'"
# A service that cannot be installed fails the installation (32768), instead of being left out.
sql "UPDATE \`ServiceInstall\` SET \`ErrorControl\` = 32769 WHERE \`Name\` = 'tillpost'"
# Without its version the program would not take the place of one that lies there already and has one.
sql "UPDATE \`File\` SET \`Version\` = '$VERSION.0', \`Language\` = '1033' WHERE \`File\` = 'tillpost.exe'"
sql "DELETE FROM \`MsiFileHash\` WHERE \`File_\` = 'tillpost.exe'"
for name in KeepUrl KeepFolder KeepStore KeepTokenFile; do
	sql "UPDATE \`CustomAction\` SET \`Type\` = 51 WHERE \`Action\` = '$name'"
done
# What reaches the part of the installer that has the rights; and what its log must not show.
sql "UPDATE \`Property\` SET \`Value\` = 'FOLDER;PURGE;STORE;TOKEN;TOKENFILE;URL;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE \`Property\` = 'SecureCustomProperties'"
sql "INSERT INTO \`Property\` (\`Property\`, \`Value\`) VALUES ('MsiHiddenProperties', 'TOKEN')"

mv "$msi" "$out"
chmod 644 "$out"
echo "made $out"
