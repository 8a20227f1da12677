# What the lives of tillpost under Wine share; they read it with `source`. $stub is -stub where a stub stands in for the program.

source /t/shared.sh

umask 077 # Wine makes access lists of it
drive=$HOME/.wine/drive_c
program="$drive/Program Files/tillpost/tillpost.exe"
data=$drive/ProgramData/tillpost
runs=0

fail() {
	echo "FAILED: $*" >&2
	exit 1
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
	[[ " $1 " = *" $code "* ]] || { cat "$data/package.log" "$data/data/logs/"* >&2 || true; tail -40 "$drive/log s/$runs.log" >&2; fail "msiexec $2: $code, not $1"; }
}
registry() { wine reg query "$@" 2>/dev/null | tr -d '\r' | sed -n 's/^ \{4\}\([^ ].*\) \{4\}REG_[A-Z_]* \{4\}\(.*\)$/\1=\2/p'; }
given() { registry 'HKLM\SOFTWARE\tillpost' | sed '/^Package=/d'; }
service() { registry 'HKLM\System\CurrentControlSet\Services\tillpost'; }
search_path() { registry 'HKLM\System\CurrentControlSet\Control\Session Manager\Environment' /v PATH; }
products() { wine reg query 'HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall' /s | tr -d '\r' | grep -A30 'DisplayName    REG_SZ    tillpost$' | sed -n 's/.*DisplayVersion    REG_SZ    //p'; }

entry() { find "$drive" -path "*/Start Menu/Programs/tillpost status.lnk"; } # Windows puts it into that of all users, Wine into a user's
installed() { # VERSION [upgraded]
	cmp "/t/$1$stub.exe" "$program" || fail "the program is not version $1"
	same "registered versions" "$(products)" "$1"
	grep -qF 'C:\Program Files\tillpost\' <<<"$(search_path)" || fail "it is not in the PATH: $(search_path)"
	[ -n "$(entry)" ] || fail "the Start menu has no entry"
	# At an upgrade the service stays as it is on Windows. Wine removes it all the same, and the stub makes no other.
	[ -z "$stub" ] || [ -z "${2:-}" ] || return 0
	grep -qx 'ObjectName=NT SERVICE\\tillpost' <<<"$(service)" || fail "the service's account: $(service)"
	grep -qx 'Start=0x2' <<<"$(service)" || fail "the service does not start with the computer: $(service)"
	if [ -n "$stub" ]; then
		# Wine's installer writes it without quotes; the program, which Setup runs, puts it right.
		grep -qx 'ImagePath="\?C:\\Program Files\\tillpost\\tillpost.exe"\? run --service' <<<"$(service)" || fail "the service's command: $(service)"
		return
	fi
	grep -qx 'ImagePath="C:\\Program Files\\tillpost\\tillpost.exe" run --service' <<<"$(service)" || fail "the service's command: $(service)"
	grep -qxi 'DelayedAutostart=0x1' <<<"$(service)" || fail "its start is not delayed: $(service)"
}
gone() {
	[ ! -e "$program" ] || fail "the program is still there"
	same "registered versions" "$(products)" ""
	same "the service" "$(service)" ""
	same "the registry" "$(given)" ""
	same "entries in the Start menu" "$(entry)" ""
	if grep -qF tillpost <<<"$(search_path)"; then fail "it is still in the PATH: $(search_path)"; fi
}
step() { echo "$1"; }

computer_on() { # when the last program ends, Wine stops all services
	wine cmd /c "ping -n 900 127.0.0.1 >nul" >/dev/null 2>&1 &
}

computer_on
mkdir -p "$drive/in stall" "$drive/log s" "$drive/to ken" "$drive/pos export"
for v in 1 2 3 4 5; do cp "/t/0.1.$v$stub.msi" "$drive/in stall/tillpost 0.1.$v.msi"; done
printf '%s\n' $secret >"$drive/to ken/token.txt"
