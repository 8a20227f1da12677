#!/usr/bin/env bash
# The deb, set up as docs/install-linux.md says, and what may happen to it then. It runs inside the system that
# packaging/systemd.sh boots; packaging/packages.sh puts two versions of the deb into its /packages, and the documents beside them.
# phases: 2
set -euo pipefail
source /life/life.sh

folder="/srv/pos export"
export_() { export_rows "$folder/stock.csv" "3,849632048260,$1" "3,849632040011,$2"; }

if [ "$1" = 2 ]; then
	echo "it has started with the computer, and what waited is delivered"
	until_ 30 is_active || fail "it has not"
	waiting 1 || fail "what waited is lost: $(tillpost status 2>&1)"
	stand_in /packages/program
	until_ 60 arrived 5 || fail "after the restart: $(tillpost status 2>&1)"

	echo "stopped in order, removed, purged"
	tillpost stop >/dev/null
	[ "$(systemctl show -p Result --value tillpost)" = success ] || fail "the stop: $(systemctl show -p Result --value tillpost)"
	[ "$(systemctl show -p ExecMainStatus --value tillpost)" = 0 ] || fail "its exit status was $(systemctl show -p ExecMainStatus --value tillpost)"
	quietly apt-get remove -q -y tillpost
	[ ! -e /usr/bin/tillpost ] && [ -e /var/lib/tillpost/outbox.db ] && [ -e /etc/tillpost/token ] || fail "the removal"
	quietly apt-get purge -q -y tillpost
	[ ! -e /var/lib/tillpost ] && [ ! -e /etc/tillpost ] && [ ! -e /etc/systemd/system/tillpost.service.d ] || fail "the purge"
	exit 0
fi

stand_in /packages/program
mkdir "$folder"
export_ 12 0
cd /packages
cp 1.deb tillpost_0.1.1-1_amd64.deb
(umask 077 && printf '%s\n' "$secret" >token.txt)

echo "the commands of docs/install-linux.md"
transcript() { # does what the document says, and prints what comes of it
	local line
	while read -r line; do
		echo "# $line"
		case $line in
		apt-get*) quietly env DEBIAN_FRONTEND=noninteractive bash -c "$line -q -y" ;;
		"tillpost status") until_ 30 delivered 2 && tillpost status 2>&1 || fail "not delivered: $(tillpost status 2>&1)" ;;
		*) bash -c "$line" 2>&1 || fail "$line" ;;
		esac
	done < <(documented /packages/docs/install-linux.md | sed -n 's/^# //p')
}
began=$SECONDS
said=$(transcript)
until_ 30 arrived 12 || fail "the export was not delivered: $(tillpost status 2>&1)"
commands=$(grep -c '^# ' <<<"$said")
echo "  $commands commands, delivered after $((SECONDS - began)) s"
same "the transcript" "$(alike <<<"$said")" "$(documented /packages/docs/install-linux.md | alike)"
[ $commands -ge 3 ] && [ $commands -le 6 ] && [ $((SECONDS - began)) -lt 300 ] || fail "more than six commands, or five minutes"
rm token.txt tillpost_0.1.1-1_amd64.deb
[ "$(stat -c %a /etc/tillpost/tillpost.yaml)" = 644 ] || fail "the config's mode is $(stat -c %a /etc/tillpost/tillpost.yaml), not 644"
[ "$(stat -c '%U %a' /etc/tillpost/token)" = "tillpost 600" ] || fail "the token's file is $(stat -c '%U %a' /etc/tillpost/token), not tillpost 600"
tells "as the account tillpost" tillpost check
checked=$(tillpost check 2>&1) || fail "check: $checked"

echo "as its own user, without rights"
pid=$(main_pid)
[ "$(stat -c %U "/proc/$pid")" = tillpost ] || fail "it runs as $(stat -c %U "/proc/$pid")"
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status" || fail "it has capabilities: $(grep Cap "/proc/$pid/status")"
grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$pid/status" || fail "it can get new privileges"
grep -q '^Seccomp:[[:space:]]*2' "/proc/$pid/status" || fail "its system calls are not filtered"
[ "$(ps -o ni= -p "$pid" | tr -d ' ')" = 10 ] || fail "it is as urgent as the POS"
[ "$(stat -c '%U %a' /var/lib/tillpost)" = "tillpost 700" ] || fail "its data folder is $(stat -c '%U %a' /var/lib/tillpost)"
tenths=$(systemd-analyze security --no-pager tillpost | sed -n 's/.*exposure level for tillpost.service: \([0-9]*\)\.\([0-9]*\).*/\1\2/p')
[ "$tenths" -le 15 ] || fail "systemd's score is $tenths tenths"

echo "exports that only a group may read"
groupadd pos
chgrp -R pos "$folder"
chmod 2750 "$folder"
umask 027 # for the exports
tells "permission denied" tillpost restart
says "permission denied" tillpost check
usermod -a -G pos tillpost
tillpost restart >/dev/null
tillpost check >/dev/null || fail "check: $(tillpost check 2>&1)"
pid=$(main_pid)

echo "killed, it is back"
kill -9 "$pid"
until_ 5 back_from "$pid" || fail "it is not back within 5 s"
export_ 11 0
until_ 30 arrived 11 || fail "after the kill: $(tillpost status 2>&1)"

echo "a new token without a restart"
pid=$(main_pid)
printf 'another-%s\n' "$secret" | tillpost token set >/dev/null
export_ 10 0
state() { # S: the agent's
	local status
	status=$(tillpost status --json 2>/dev/null) || return 1
	[[ "$status" = *"\"state\":\"$1\""* ]]
}
until_ 30 state paused || fail "a wrong token is not noticed: $(tillpost status 2>&1)"
printf '%s\n' "$secret" | tillpost token set >/dev/null
until_ 30 arrived 10 || fail "after the new token: $(tillpost status 2>&1)"
[ "$(main_pid)" = "$pid" ] || fail "it was restarted for a token"

echo "an export is archived, where the account and the unit may"
setfacl -R -m u:tillpost:rwX,d:u:tillpost:rwX "$folder"
sed -i 's/^    folder: .*/&\n    after: archive/' /etc/tillpost/tillpost.yaml
tillpost install
export_ 9 0
archived() { [ ! -e "$folder/stock.csv" ]; }
until_ 30 archived || fail "the export was not archived: $(tillpost status 2>&1)"
until_ 30 arrived 9 || fail "$(tillpost status 2>&1)"

echo "with a wrong config it goes on trying, and is back once that is mended"
cp /etc/tillpost/tillpost.yaml /run/right.yaml
echo 'wrong: {' >>/etc/tillpost/tillpost.yaml
says "has ended again" tillpost restart
tried() { [ "$(systemctl show -p NRestarts --value tillpost)" -ge 2 ]; }
until_ 20 tried || fail "it does not try again"
says "tillpost.yaml:" tillpost check
cp /run/right.yaml /etc/tillpost/tillpost.yaml
until_ 20 state running || fail "it is not back: $(tillpost status 2>&1)"

echo "the token as a credential of systemd"
(umask 077 && mkdir -p /etc/credstore && mv /etc/tillpost/token /etc/credstore/tillpost.token && chown root: /etc/credstore/tillpost.token)
tillpost restart
export_ 8 0
until_ 30 arrived 8 || fail "with the credential: $(tillpost status 2>&1)"
mv /etc/credstore/tillpost.token /etc/tillpost/token
printf '%s\n' "$secret" | tillpost token set >/dev/null # root's file is no use to the service
[ "$(stat -c %U /etc/tillpost/token)" = tillpost ] || fail "the token is $(stat -c %U /etc/tillpost/token)'s"
tillpost restart >/dev/null

echo "upgraded while updates wait"
api_down 503
export_ 7 1
until_ 30 waiting 2 || fail "nothing waits: $(tillpost status 2>&1)"
pid=$(main_pid)
quietly env DEBIAN_FRONTEND=noninteractive apt-get install -q -y /packages/2.deb
back_from "$pid" || fail "the new program does not run"
tells 0.1.2 tillpost version
waiting 2 || fail "what waited is lost: $(tillpost status 2>&1)"
api_down 0
until_ 90 arrived 7 || fail "what waited was not delivered: $(tillpost status 2>&1)"

echo "killed again and again while much waits, it sends no more than it may"
changes=$(journalctl -u tillpost -o cat | grep -c 'config has changed' || true)
changed() { [ "$(journalctl -u tillpost -o cat | grep -c 'config has changed' || true)" -ge "$1" ]; }
sed -i 's/^api:.*/&\n  rate: 2\/s/' /etc/tillpost/tillpost.yaml
until_ 20 changed $((changes + 1)) || fail "the slower rate is not taken up"
{ printf 'Store,UPC,Style,Size,Width,Qty\n'; for i in $(seq 100 149); do printf '3,,SHOE-%s,9,D,%s\n' "$i" "$i"; done; } >"$folder/much.csv"
until_ 30 waiting '[2-9][0-9]' || fail "nothing waits: $(tillpost status 2>&1)"
began=$SECONDS had=$(api_requests)
for _ in 1 2 3 4; do
	pid=$(main_pid)
	kill -9 "$pid"
	until_ 5 back_from "$pid" || fail "it is not back within 5 s"
	sleep 1 # it may send in that time
done
sent=$(($(api_requests) - had)) may=$((2 * (SECONDS - began + 1)))
echo "  $sent requests in $((SECONDS - began)) s, at 2 a second"
[ $sent -gt 0 ] && [ $sent -le $may ] || fail "$sent requests, and at most $may were allowed"
until_ 90 delivered 58 || fail "after that: $(tillpost status 2>&1)"

echo "the token is nowhere else"
export_ 6 1
until_ 30 arrived 6 || fail "$(tillpost status 2>&1)"
token_nowhere_but /etc/tillpost/token
export_ 5 1 # while the API is away; it waits until the computer has started anew
until_ 30 waiting 1 || fail "nothing waits: $(tillpost status 2>&1)"
