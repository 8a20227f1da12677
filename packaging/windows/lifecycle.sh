#!/usr/bin/env bash
# What packaging/windows.sh does under the Wine that it starts, with the MSIs and programs in /t: lifecycle.sh [stub].
set -euo pipefail
umask 077 # Wine makes access lists of it

stub=${1:-}
drive=$HOME/.wine/drive_c
program="$drive/Program Files/tillpost/tillpost.exe"
data=$drive/ProgramData/tillpost
secret=tok-SECRET-0123456789
runs=0

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
same() { # WHAT GOT WANT
	if [ "$2" != "$3" ]; then
		diff <(printf '%s\n' "$3") <(printf '%s\n' "$2") >&2 || true
		fail "$1: see above, < is what was wanted"
	fi
}
until_() { # SECONDS COMMAND...: waits until the command says yes
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# batch LINE: runs it in a batch file, so that Windows' own rules for quotes hold; its exit status, of which Linux would keep
# a byte, is in $code, and what it printed in $said.
batch() {
	printf '@echo off\r\n%s\r\necho code=%%errorlevel%%\r\n' "$1" >"$drive/batch.cmd"
	wine cmd /c 'C:\batch.cmd' >"$drive/said" 2>&1 || true # no pipe: what Wine starts beside it would keep that open
	said=$(tr -d '\r' <"$drive/said")
	code=$(sed -n 's/^code=//p' <<<"$said")
}
# msi CODE ARGUMENTS: what msiexec must end with, and its arguments as one types them.
msi() {
	runs=$((runs + 1))
	rm -f "$drive/stub.txt"
	batch "msiexec $2 /qn /l*v \"C:\\log s\\$runs.log\""
	[[ " $1 " = *" $code "* ]] || { tail -40 "$drive/log s/$runs.log" >&2; fail "msiexec $2: $code, not $1"; }
}
# asked LINE...: what the stub was asked since the last msi. Wine does not tell the old version that it is being upgraded, so that
# its package-remove runs too; Windows does.
asked() {
	local got
	[ -n "$stub" ] || return 0
	got=$(grep -v '|hold$' "$drive/stub.txt" 2>/dev/null | tr -d '\r' || true)
	same "what the program was asked" "$got" "$(printf '%s\n' "$@")"
}
registry() { wine reg query "$@" 2>/dev/null | tr -d '\r' | sed -n 's/^ \{4\}\([^ ].*\) \{4\}REG_[A-Z_]* \{4\}\(.*\)$/\1=\2/p'; }
given() { registry 'HKLM\SOFTWARE\tillpost'; }
service() { registry 'HKLM\System\CurrentControlSet\Services\tillpost'; }
search_path() { registry 'HKLM\System\CurrentControlSet\Control\Session Manager\Environment' /v PATH; }
products() { wine reg query 'HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall' /s | tr -d '\r' | grep -A30 'DisplayName    REG_SZ    tillpost$' | sed -n 's/.*DisplayVersion    REG_SZ    //p'; }

installed() { # VERSION
	cmp "/t/$1.exe" "$program" || fail "the program is not version $1"
	same "registered versions" "$(products)" "$1"
	service | grep -qx 'ObjectName=NT SERVICE\\tillpost' || fail "the service's account: $(service)"
	service | grep -qx 'Start=0x2' || fail "the service does not start with the computer: $(service)"
	search_path | grep -qF 'C:\Program Files\tillpost\' || fail "it is not in the PATH: $(search_path)"
	if [ -n "$stub" ]; then
		# Wine's installer writes it without quotes; the program, which Setup runs, puts it right.
		service | grep -qx 'ImagePath="\?C:\\Program Files\\tillpost\\tillpost.exe"\? run --service' || fail "the service's command: $(service)"
	else
		service | grep -qx 'ImagePath="C:\\Program Files\\tillpost\\tillpost.exe" run --service' || fail "the service's command: $(service)"
		service | grep -qix "DelayedAutostart=0x1" || fail "its start is not delayed: $(service)"
	fi
}
gone() {
	[ ! -e "$program" ] || fail "the program is still there"
	same "registered versions" "$(products)" ""
	same "the service" "$(service)" ""
	same "the registry" "$(given)" ""
	if search_path | grep -qF tillpost; then fail "it is still in the PATH: $(search_path)"; fi
}
kept() { [ "$(cat "$data/kept.txt")" = "as it was" ] || fail "the data is not as it was"; }

step() { echo "$1"; }

# When the last program ends, Wine stops all services.
wine cmd /c "ping -n 900 127.0.0.1 >nul" >/dev/null 2>&1 &
mkdir -p "$drive/in stall" "$drive/log s" "$drive/to ken" "$drive/pos export"
for v in 1 2 3 4; do cp /t/0.1.$v.msi "$drive/in stall/tillpost 0.1.$v.msi"; done
printf '%s\n' $secret >"$drive/to ken/token.txt"

step "a silent installation"
msi 0 '/i "C:\in stall\tillpost 0.1.1.msi" URL="http://127.0.0.1:8099/a?b=c&d" FOLDER="C:\pos export\" STORE="3" TOKENFILE="C:\to ken\token.txt"'
installed 0.1.1
asked '0.1.1|package-setup'
values=$'Folder=C:\\pos export\\\nStore=3\nTokenFile=C:\\to ken\\token.txt\nUrl=http://127.0.0.1:8099/a?b=c&d'
same "what was given" "$(given)" "$values"
mkdir -p "$data"
echo "as it was" >"$data/kept.txt"

step "three upgrades; what was given stays, unless something else is given"
for v in 2 3 4; do
	more=
	if [ $v = 3 ]; then
		more=' STORE="4"'
		values=${values/Store=3/Store=4}
	fi
	msi 0 "/i \"C:\\in stall\\tillpost 0.1.$v.msi\"$more"
	installed 0.1.$v
	asked "0.1.$((v - 1))|package-remove" "0.1.$v|package-setup"
	same "what was given" "$(given)" "$values"
	kept
done

step "a downgrade is refused"
msi 1603 '/i "C:\in stall\tillpost 0.1.2.msi"'
installed 0.1.4
asked
kept

step "removed; its data stays"
msi 0 '/x "C:\in stall\tillpost 0.1.4.msi"'
gone
asked '0.1.4|package-remove'
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
if [ -n "$stub" ]; then
	wine "$program" hold &
else
	wine "$program" mock-api --listen 127.0.0.1:8098 --token x >/dev/null 2>&1 &
fi
held=$!
in_use() { ! (wine cmd /c 'type nul >> "C:\Program Files\tillpost\tillpost.exe" && exit 0 || exit 1' >/dev/null 2>&1); }
until_ 20 in_use || fail "nothing holds the program"
waiting() { grep -qsa '[(]1,1,30[)]' /proc/[0-9]*/cmdline; } # the one of msi.sh
( # once the installer waits
	until_ 60 waiting || exit 1
	sleep 2
	if [ -n "$stub" ]; then touch "$drive/stub.go"; else kill $held; fi
) &
msi 0 '/i "C:\in stall\tillpost 0.1.2.msi"'
wait $! || fail "the installer did not wait"
installed 0.1.2
rm -f "$drive/stub.go"

step "the archive's script leaves the MSI's program alone"
mkdir "$drive/un packed"
cp /t/install.cmd /t/uninstall.cmd "$drive/un packed/"
cp /t/0.1.1.exe "$drive/un packed/tillpost.exe"
batch 'call "C:\un packed\install.cmd"'
[ "$code" = 1 ] && [[ $said = *"installed by its MSI"* ]] || fail "install.cmd beside the MSI: $code $said"
installed 0.1.2

step "removed with all that it had"
msi 0 '/x "C:\in stall\tillpost 0.1.2.msi" PURGE=1'
gone
asked '0.1.2|package-remove|--purge'
if [ -z "$stub" ] && [ -e "$data" ]; then fail "the data is still there: $(ls "$data")"; fi

if [ -n "$stub" ]; then
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
fi

step "the archive's scripts"
rm -rf "$data" "$drive/stub.txt"
batch 'call "C:\un packed\install.cmd"'
same "install.cmd without a config" "$code $said" "$(printf '0 installed C:\\Program Files\\tillpost\\tillpost.exe\nnext: "C:\\Program Files\\tillpost\\tillpost.exe" init asks for the rest, then "C:\\Program Files\\tillpost\\tillpost.exe" install starts the service\ncode=0')"
cmp /t/0.1.1.exe "$program"
asked
if [ -n "$stub" ]; then
	mkdir -p "$data"
	touch "$data/tillpost.yaml"
	wine "$program" hold &
	until_ 20 in_use || fail "nothing holds the program"
	cp /t/0.1.2.exe "$drive/un packed/tillpost.exe"
	(sleep 3; touch "$drive/stub.go") &
	batch 'call "C:\un packed\install.cmd" --config "C:\a b\t.yaml"'
	same "install.cmd with a config" "$code" 0
	cmp /t/0.1.2.exe "$program"
	asked '0.1.1|stop' '0.1.2|install|--config|C:\a b\t.yaml'
	echo install >"$drive/stub.fail"
	batch 'call "C:\un packed\install.cmd"'
	same "install.cmd where the program fails" "$code" 1
	rm "$drive/stub.fail" "$drive/stub.txt"
	batch 'call "C:\un packed\uninstall.cmd" --purge'
	same "uninstall.cmd" "$code" 0
	asked '0.1.2|uninstall|--purge'
	[ ! -e "$program" ] || fail "the program is still there"
	batch 'call "C:\un packed\uninstall.cmd"'
	same "uninstall.cmd, again" "$code" 0
fi

step "the token is nowhere"
found=$(grep -rlaF $secret "$drive" --include='*.log' --include='*.txt' --include='*.yaml' --include='*.db' | grep -v '/to ken/token.txt$' || true)
same "where the token is" "$found" ""
echo "all of it held"
