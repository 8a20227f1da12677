#!/usr/bin/env bash
# What the MSI and the scripts of the archive for Windows ask of the program, which a stub plays. packaging/windows.sh runs it under
# Wine, with the MSIs and programs in /t.
set -euo pipefail

stub=-stub
source /t/common.sh

# asked LINE...: what the stub was asked since the last msi. Wine does not tell the old version that it is being upgraded, so that
# its package-remove runs too; Windows does.
asked() {
	local got
	got=$(grep -v '|hold$' "$drive/stub.txt" 2>/dev/null | tr -d '\r' || true)
	same "what the program was asked" "$got" "$(printf '%s\n' "$@")"
}
kept() { [ "$(cat "$data/kept.txt")" = "as it was" ] || fail "the data is not as it was"; }

step "a silent installation"
msi 0 '/i "C:\in stall\tillpost 0.1.1.msi" URL="http://127.0.0.1:8099/a?b=c&d" FOLDER="C:\pos export\" STORE="3" TOKENFILE="C:\to ken\token.txt"'
installed 0.1.1
asked '0.1.1|package-setup'
values=$'Folder=C:\\pos export\\\nStore=3\nTokenFile=C:\\to ken\\token.txt\nUrl=http://127.0.0.1:8099/a?b=c&d'
same "what was given" "$(given)" "$values"
mkdir -p "$data"
echo "as it was" >"$data/kept.txt"

step "four upgrades; what was given stays, unless something else is given"
for v in 2 3 4 5; do
	more=
	if [ $v = 3 ]; then
		more=' STORE="4"'
		values=${values/Store=3/Store=4}
	fi
	msi 0 "/i \"C:\\in stall\\tillpost 0.1.$v.msi\"$more"
	installed 0.1.$v upgraded
	asked "0.1.$((v - 1))|package-remove" "0.1.$v|package-setup"
	same "what was given" "$(given)" "$values"
	kept
done

step "a downgrade is refused"
msi 1603 '/i "C:\in stall\tillpost 0.1.2.msi"'
installed 0.1.5 upgraded
asked
kept

step "removed; its data stays"
msi 0 '/x "C:\in stall\tillpost 0.1.5.msi"'
gone
asked '0.1.5|package-remove'
kept

step "a token is refused, and so is what the registry would misread"
msi 1603 "/i \"C:\\in stall\\tillpost 0.1.4.msi\" TOKEN=\"x\""
gone
asked
msi 1603 '/i "C:\in stall\tillpost 0.1.4.msi" STORE="#5"'
gone
asked

step "what is in the registry already counts as given, as a policy may put it there"
wine reg add 'HKLM\SOFTWARE\tillpost' /v Folder /d 'C:\pos export' /f >/dev/null 2>&1
msi 0 '/i "C:\in stall\tillpost 0.1.1.msi"'
installed 0.1.1
same "what was given" "$(given)" $'Folder=C:\\pos export\nStore=\nTokenFile=\nUrl='

step "a program that is in use is waited for"
wine "$program" hold &
held=$!
in_use() { ! (wine cmd /c 'type nul >> "C:\Program Files\tillpost\tillpost.exe" && exit 0 || exit 1' >/dev/null 2>&1); }
until_ 20 in_use || fail "nothing holds the program"
waiting() { grep -qsa '[(]1,1,30[)]' /proc/[0-9]*/cmdline; } # the one of msi.sh
( # once the installer waits
	until_ 60 waiting || exit 1
	sleep 2
	touch "$drive/stub.go"
) &
msi 0 '/i "C:\in stall\tillpost 0.1.2.msi"'
wait $! || fail "the installer did not wait"
installed 0.1.2 upgraded
rm -f "$drive/stub.go"

step "the archive's script leaves the MSI's program alone"
mkdir "$drive/un packed"
cp /t/install.cmd /t/uninstall.cmd "$drive/un packed/"
cp /t/0.1.1-stub.exe "$drive/un packed/tillpost.exe"
batch 'call "C:\un packed\install.cmd"'
[ "$code" = 1 ] && [[ $said = *"installed by its MSI"* ]] || fail "install.cmd beside the MSI: $code $said"
installed 0.1.2 upgraded

step "removed with all that it had"
msi 0 '/x "C:\in stall\tillpost 0.1.2.msi" PURGE=1'
gone
asked '0.1.2|package-remove|--purge'

step "where the setup fails nothing is left; where a purge does it is said"
echo package-setup >"$drive/stub.fail"
msi '1603 1627' '/i "C:\in stall\tillpost 0.1.3.msi"'
gone
asked '0.1.3|package-setup'
rm "$drive/stub.fail"
msi 0 '/i "C:\in stall\tillpost 0.1.3.msi"'
echo package-remove >"$drive/stub.fail"
msi '1603 1627' '/x "C:\in stall\tillpost 0.1.3.msi" PURGE=1'
msi 0 '/x "C:\in stall\tillpost 0.1.3.msi"'
gone
rm "$drive/stub.fail"

step "where it fails at an upgrade it is said, and the next try goes through"
msi 0 '/i "C:\in stall\tillpost 0.1.1.msi"'
echo package-setup >"$drive/stub.fail"
msi '1603 1627' '/i "C:\in stall\tillpost 0.1.2.msi"' # Windows brings the old version back then, Wine does not
rm "$drive/stub.fail"
msi 0 '/i "C:\in stall\tillpost 0.1.2.msi"'
installed 0.1.2 upgraded
msi 0 '/x "C:\in stall\tillpost 0.1.2.msi"'
gone

step "the archive's scripts"
rm -rf "$data" "$drive/stub.txt"
batch 'call "C:\un packed\install.cmd"'
same "install.cmd without a config" "$code $said" "$(printf '0 installed C:\\Program Files\\tillpost\\tillpost.exe\nnext: "C:\\Program Files\\tillpost\\tillpost.exe" init asks for the rest, then "C:\\Program Files\\tillpost\\tillpost.exe" install starts the service\ncode=0')"
cmp /t/0.1.1-stub.exe "$program"
asked
wine "$program" hold &
until_ 20 in_use || fail "nothing holds the program"
cp /t/0.1.2-stub.exe "$drive/un packed/tillpost.exe"
(sleep 3; touch "$drive/stub.go") &
batch 'call "C:\un packed\install.cmd"'
same "install.cmd while the program is in use" "$code" 0
cmp /t/0.1.2-stub.exe "$program"
replaces='0.1.2|replaces|C:\Program Files\tillpost\tillpost.exe'
asked "$replaces"
batch 'call "C:\un packed\install.cmd" --config "C:\a b\t.yaml"'
same "install.cmd with a config" "$code" 0
asked "$replaces" '0.1.2|install|--config|C:\a b\t.yaml'
mkdir -p "$data"
touch "$data/tillpost.yaml"
echo install >"$drive/stub.fail"
rm "$drive/stub.txt"
batch 'call "C:\un packed\install.cmd"'
same "install.cmd where the program fails" "$code" 1
asked '0.1.2|install'
echo replaces >"$drive/stub.fail"
rm "$data/tillpost.yaml"
batch 'call "C:\un packed\install.cmd"'
same "install.cmd of an older archive" "$code" 1
rm "$drive/stub.fail" "$drive/stub.txt"
batch 'call "C:\un packed\uninstall.cmd" --purge'
same "uninstall.cmd" "$code" 0
asked '0.1.2|uninstall|--purge'
[ ! -e "$program" ] || fail "the program is still there"
batch 'call "C:\un packed\uninstall.cmd"'
same "uninstall.cmd, again" "$code" 0
[[ $said = *"nothing to remove"*"ProgramData\tillpost is still there"* ]] || fail "uninstall.cmd does not say what is left: $said"

step "the token is nowhere"
found=$(grep -rlaF $secret "$drive" --include='*.log' --include='*.txt' --include='*.yaml' --include='*.db' | grep -v '/to ken/token.txt$' || true)
same "where the token is" "$found" ""
