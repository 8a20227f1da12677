#!/usr/bin/env bash
# The service's life by the MSI and by the archive for Windows, with the real program. packaging/windows.sh runs it under Wine, with
# the MSIs and programs in /t.
set -euo pipefail

stub=
source /t/common.sh

tillpost() { (wine "$program" "$@" 2>&1 || true) | tr -d '\r'; } # what it prints; the exit status is lost
tells() { # TEXT ARGUMENTS...: the program says so
	local text=$1 said
	shift
	said=$(tillpost "$@")
	grep -qF -- "$text" <<<"$said" || fail "tillpost $* should say \"$text\", and says: $said"
}
stand_in() {
	TILLPOST_TOKEN=$secret wine /t/0.1.1.exe mock-api --listen $api >/dev/null 2>&1 &
	until_ 30 api_answers || fail "the stand-in does not answer"
}
status_is() { # TEXT...: all of them are in the status
	local text said
	said=$(tillpost status --json)
	for text in "$@"; do
		grep -q "$text" <<<"$said" || return 1
	done
}
arrived() { # N: nothing waits, and the API has that quantity of the first product
	status_is '"pending":0,' && [[ "$(http_ GET /state '')" = *"\"upc\":\"849632048260\",\"quantity\":$1,"* ]]
}
export_() { # N M: an export as a POS writes it, in one step
	printf 'Store,UPC,Qty\r\n3,849632048260,%s\r\n3,849632040011,%s\r\n' "$1" "$2" >"$drive/pos export/stock.tmp"
	mv "$drive/pos export/stock.tmp" "$drive/pos export/stock.csv"
}
running() { # as Windows says it
	local said
	said=$(wine sc query tillpost 2>/dev/null || true)
	grep -q 'STATE.*RUNNING' <<<"$said"
}
config=$data/tillpost.yaml
quick() { sed -i 's/^    folder: .*/&\n    settle: 100ms/' "$config"; } # so that nobody waits here

stand_in
export_ 12 0

step "silent, with blanks in paths: the service runs and an export is delivered"
msi 0 '/i "C:\in stall\tillpost 0.1.1.msi" URL="http://127.0.0.1:8099" FOLDER="C:\pos export\" TOKENFILE="C:\to ken\token.txt"'
installed 0.1.1
until_ 60 arrived 12 || fail "the export was not delivered: $(tillpost status; cat "$data"/data/logs/*)"
running || fail "Windows does not say that it runs: $(wine sc query tillpost)"
grep -q "^tillpost-protected-token-1 " "$data/token" || fail "the token is not protected"
checked=$(tillpost check)
grep -q 'as the account NT SERVICE\\tillpost' <<<"$checked" || fail "check: $checked"
if grep -q '^failed' <<<"$checked"; then fail "check: $checked"; fi
quick
until_ 20 grep -q 'config has changed' "$data/data/logs/tillpost.log" || fail "the changed config is not taken up: $(cat "$data/data/logs/tillpost.log")"

step "four upgrades while updates wait; nothing is lost"
api_down 503
export_ 11 1
until_ 30 status_is '"pending":2,' || fail "nothing waits: $(tillpost status)"
sum=$(sha256sum <"$config")
for v in 2 3 4 5; do
	msi 0 "/i \"C:\\in stall\\tillpost 0.1.$v.msi\""
	installed 0.1.$v
	until_ 30 status_is "\"version\":\"0.1.$v\"" '"pending":2,' || fail "after the upgrade to 0.1.$v: $(tillpost status)"
done
[ "$sum" = "$(sha256sum <"$config")" ] || fail "the config has changed"
api_down 0
until_ 60 arrived 11 || fail "what waited was not delivered: $(tillpost status)"

step "a downgrade is refused, and the service goes on"
msi 1603 '/i "C:\in stall\tillpost 0.1.2.msi"'
installed 0.1.5
running || fail "it does not run"

step "the computer is started anew"
wine reg add 'HKLM\System\CurrentControlSet\Control' /v AutoStartDelay /t REG_DWORD /d 1000 /f >/dev/null 2>&1 # for delayed services, else two minutes
api_down 503
export_ 10 1
until_ 30 status_is '"pending":1,' || fail "nothing waits: $(tillpost status)"
wineserver -k
wineserver -w
computer_on
stand_in
until_ 90 arrived 10 || fail "after the restart: $(tillpost status; tail -5 "$data/data/logs/tillpost.log")"
running || fail "Windows does not say that it runs"

step "stop, start, restart; a wrong config is named and mended"
tells "is stopped" stop
if running; then fail "it still runs"; fi
tells "does not run" stop
tells "is started" start
tells "runs already" start
cp "$config" /tmp/right.yaml
tillpost stop >/dev/null
echo 'wrong: {' >>"$config"
said=$(tillpost start)
grep -q 'has ended again' <<<"$said" || fail "a wrong config: $said"
tells "failed   config" check
cp /tmp/right.yaml "$config"
tells "is started" restart
export_ 9 1
until_ 30 arrived 9 || fail "after that: $(tillpost status)"

step "another token while it runs"
printf 'tok-WRONG-1\n' | wine "$program" token set >/dev/null 2>&1
export_ 8 1
until_ 30 status_is '"state":"paused"' || fail "a wrong token is not noticed: $(tillpost status)"
printf '%s\n' $secret | wine "$program" token set >/dev/null 2>&1
until_ 30 arrived 8 || fail "after the right token: $(tillpost status)"

step "a repair after that keeps the newer token, whatever the file of the first installation says"
printf 'tok-OLD-1\n' >"$drive/to ken/token.txt"
msi 0 '/i "C:\in stall\tillpost 0.1.5.msi"'
export_ 7 2
until_ 60 arrived 7 || fail "after the repair: $(tillpost status)"
rm "$drive/to ken/token.txt"
msi 0 '/i "C:\in stall\tillpost 0.1.5.msi"'
running || fail "it does not run after a repair without the token's file"
printf '%s\n' $secret >"$drive/to ken/token.txt"

step "the token is nowhere"
wine reg export HKLM 'C:\hklm.reg' >/dev/null 2>&1
wine reg export HKCU 'C:\hkcu.reg' >/dev/null 2>&1
iconv -f UTF-16 -t UTF-8 "$drive/hklm.reg" >"$drive/hklm.txt"
iconv -f UTF-16 -t UTF-8 "$drive/hkcu.reg" >"$drive/hkcu.txt"
grep -q 'tillpost' "$drive/hklm.txt" || fail "the registry was not exported"
wide=$(printf %s "$secret" | sed 's/./&\\x00/g') # as Windows writes text
printf 'x %s y' "$secret" | iconv -t UTF-16LE >/tmp/decoy
grep -qaP "$wide" /tmp/decoy || fail "the token would not be found in UTF-16"
token_nowhere() {
	local found
	found=$(grep -rlaF "$secret" "$HOME/.wine" 2>/dev/null | grep -vxF "$drive/to ken/token.txt" || true)
	same "where the token is" "$found" ""
	found=$(grep -rlaP "$wide" "$drive" 2>/dev/null || true)
	same "where the token is, in UTF-16" "$found" ""
	found=$(cat /proc/[0-9]*/cmdline 2>/dev/null | grep -aoFf <(printf '%s\n' "$secret") || true) # not as an argument of grep's own
	same "processes with the token in their arguments" "$found" ""
}
token_nowhere

step "removed, its data stays; back, it goes on"
msi 0 '/x "C:\in stall\tillpost 0.1.5.msi"'
gone
[ -e "$data/data/outbox.db" ] && [ -e "$data/token" ] && cmp /tmp/right.yaml "$config" || fail "something of it is gone: $(ls "$data")"
msi 0 '/i "C:\in stall\tillpost 0.1.5.msi"'
export_ 6 2
until_ 60 arrived 6 || fail "it does not go on: $(tillpost status)"
said=$(wine /t/0.1.3.exe install 2>&1 | tr -d '\r' || true)
grep -q 'came in a package' <<<"$said" || fail "another program takes the package's place: $said"
tells "came in a package" uninstall

step "removed with all that it had"
msi 0 '/x "C:\in stall\tillpost 0.1.5.msi" PURGE=1'
gone
[ ! -e "$data" ] || fail "the data is still there: $(ls "$data")"

step "what the properties say wrongly is an error, and nothing is left"
printf 'tok-WRONG-2\n' >"$drive/to ken/wrong.txt"
for given in 'URL="http://example.com" FOLDER="C:\pos export" TOKENFILE="C:\to ken\token.txt"' 'URL="http://127.0.0.1:8099"' \
	'URL="http://127.0.0.1:8099" FOLDER="C:\pos export" TOKENFILE="C:\to ken\none.txt"' \
	'URL="http://127.0.0.1:8099" FOLDER="C:\pos export" TOKENFILE="C:\to ken\wrong.txt"'; do
	msi '1603 1627' "/i \"C:\\in stall\\tillpost 0.1.1.msi\" $given"
	gone
	[ ! -e "$config" ] || fail "$given: a config was made"
done
rm -rf "$data"

step "the commands of docs/install-windows.md"
cp "$drive/in stall/tillpost 0.1.1.msi" "$drive/tillpost-0.1.1-amd64.msi"
cp "$drive/to ken/token.txt" "$drive/token.txt"
export_ 4 1
transcript() { # does what the document says, and prints what comes of it
	local line
	while read -r line; do
		echo "> $line"
		case $line in "tillpost status") until_ 60 arrived 4 || fail "not delivered: $(tillpost status)" ;; esac
		batch "cd /d C:\\ & ${line/VERSION/0.1.1}"
		[ "$code" = 0 ] || fail "$line: $code, $said"
		sed '/^code=/d' <<<"$said"
	done < <(documented /t/install-windows.md | sed -n 's/^> //p')
}
began=$SECONDS
said=$(transcript)
commands=$(grep -c '^> ' <<<"$said")
echo "  $commands commands, delivered after $((SECONDS - began)) s"
same "the transcript" "$(alike <<<"$said")" "$(documented /t/install-windows.md | alike)"
[ $commands -ge 3 ] && [ $commands -le 6 ] && [ $((SECONDS - began)) -lt 300 ] || fail "more than six commands, or five minutes"
rm "$drive/token.txt"
running || fail "it does not run"
msi 0 '/x C:\tillpost-0.1.1-amd64.msi PURGE=1'
gone

step "by the archive: set up, a newer program, removed"
mkdir "$drive/un packed"
cp /t/install.cmd /t/uninstall.cmd "$drive/un packed/"
cp /t/0.1.1.exe "$drive/un packed/tillpost.exe"
batch 'call "C:\un packed\install.cmd"'
same "install.cmd" "$code" 0
export_ 3 1
said=$(tillpost init --url http://127.0.0.1:8099 --folder 'C:\pos export' --token-file 'C:\to ken\token.txt' --yes --install)
until_ 60 arrived 3 || fail "not delivered: $said $(tillpost status)"
api_down 503
export_ 2 0
until_ 30 status_is '"pending":2,' || fail "nothing waits: $(tillpost status)"
cp /t/0.1.2.exe "$drive/un packed/tillpost.exe"
batch '"C:\un packed\tillpost.exe" install'
same "install by the newer program itself: $said" "$code" 0
status_is '"version":"0.1.2"' '"pending":2,' || fail "after the upgrade: $(tillpost status)"
cp /t/0.1.3.exe "$drive/un packed/tillpost.exe"
batch 'call "C:\un packed\install.cmd"'
same "install.cmd of a newer archive: $said" "$code" 0
status_is '"version":"0.1.3"' '"pending":2,' || fail "after the upgrade: $(tillpost status)"
api_down 0
until_ 60 arrived 2 || fail "what waited was not delivered: $(tillpost status)"
for by in 'call "C:\un packed\install.cmd"' '"C:\un packed\tillpost.exe" install'; do
	cp /t/0.1.2.exe "$drive/un packed/tillpost.exe"
	batch "$by"
	[ "$code" = 1 ] && [[ $said = *"is version 0.1.3 and this is the older 0.1.2"* ]] || fail "$by of an older archive: $code, $said"
	status_is '"version":"0.1.3"' || fail "after an older archive: $(tillpost status)"
done
cp /t/0.1.4.exe "$drive/un packed/tillpost.exe"
cp "$config" /tmp/right.yaml
echo 'wrong: {' >>"$config"
batch 'call "C:\un packed\install.cmd"'
[ "$code" = 2 ] && running || fail "install.cmd with a wrong config: $code, $said"
cp /tmp/right.yaml "$config"
batch 'call "C:\un packed\install.cmd"'
same "install.cmd once that is mended: $said" "$code" 0
status_is '"version":"0.1.4"' || fail "after the upgrade: $(tillpost status)"
batch 'call "C:\un packed\uninstall.cmd"'
same "uninstall.cmd: $said" "$code" 0
[ ! -e "$program" ] && [ -e "$data/data/outbox.db" ] || fail "uninstall.cmd: $said"
batch 'call "C:\un packed\uninstall.cmd" --purge'
[[ $code = 0 && $said = *"tillpost is still there"* ]] || fail "uninstall.cmd, when the program has gone: $code, $said"
same "the service" "$(service)" ""
token_nowhere
