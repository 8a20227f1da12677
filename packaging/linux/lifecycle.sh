#!/usr/bin/env bash
# What packaging/systemd.sh does inside the system that it boots: the steps of docs/install-linux.md, and what may happen then.
set -euo pipefail

secret=tok-SECRET-0123456789
fail() {
	echo "FAILED: $*" >&2
	systemctl status tillpost --no-pager -n 20 >&2 || true
	journalctl -u tillpost --no-pager -n 30 >&2 || true
	exit 1
}
until_() { # SECONDS COMMAND...: waits until the command says yes
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
delivered() { # N: nothing waits, and so many updates or more were acknowledged
	local status n
	status=$(tillpost status --json 2>/dev/null) || return 1
	n=$(sed -n 's/.*"delivered":\([0-9]*\).*/\1/p' <<<"$status")
	grep -q '"pending":0[,}]' <<<"$status" && [ "${n:-0}" -ge "$1" ]
}
main_pid() { systemctl show -p MainPID --value tillpost; }
is_active() { [ "$(systemctl is-active tillpost)" = active ]; }

echo "the API's stand-in"
(umask 077 && printf %s "$secret" >/run/secret) # as an argument of systemd-run it would be in the journal
systemd-run --quiet --unit=stand-in sh -c 'exec tillpost mock-api --listen 127.0.0.1:8099 --token "$(cat /run/secret)"'

echo "the steps of the documentation"
useradd --system --home-dir /var/lib/tillpost --shell /usr/sbin/nologin tillpost
mkdir -p "/srv/pos export"
groupadd pos # whose files nobody else can read
chgrp pos "/srv/pos export"
chmod 2750 "/srv/pos export"
usermod -a -G pos tillpost
umask 027 # from here on, for the exports; init minds its own
up() { timeout 1 bash -c '</dev/tcp/127.0.0.1/8099' 2>/dev/null; }
until_ 10 up || fail "the stand-in API is not there"
said=$(tillpost init --url http://127.0.0.1:8099 --folder "/srv/pos export" --line 'settle: 100ms' --token-file - </run/secret 2>&1) || fail "init: $said"
if grep -q "$secret" <<<"$said"; then fail "init tells the token"; fi
[ "$(stat -c %a /etc/tillpost/tillpost.yaml)" = 644 ] || fail "the config's mode is $(stat -c %a /etc/tillpost/tillpost.yaml), not 644"
[ "$(stat -c '%U %a' /etc/tillpost/token)" = "tillpost 600" ] || fail "the token's file is $(stat -c '%U %a' /etc/tillpost/token), not tillpost 600"
systemctl daemon-reload
systemctl enable --quiet --now tillpost

echo "an export is delivered"
printf 'Store,UPC,Qty\n3,849632048260,12\n3,849632040011,0\n' >"/srv/pos export/stock.csv"
until_ 30 delivered 2 || fail "the export was not delivered: $(tillpost status 2>&1)"
checked=$(runuser -u tillpost -- tillpost check 2>&1) || fail "check, as the service's account: $checked"

echo "as its own user, without rights"
pid=$(main_pid)
[ "$(stat -c %U "/proc/$pid")" = tillpost ] || fail "it runs as $(stat -c %U "/proc/$pid")"
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status" || fail "it has capabilities: $(grep Cap "/proc/$pid/status")"
grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$pid/status" || fail "it can get new privileges"
grep -q '^Seccomp:[[:space:]]*2' "/proc/$pid/status" || fail "its system calls are not filtered"
[ "$(stat -c '%U %a' /var/lib/tillpost)" = "tillpost 700" ] || fail "its data folder is $(stat -c '%U %a' /var/lib/tillpost)"

echo "killed, it is back"
kill -9 "$pid"
began=$SECONDS
back() { is_active && [ "$(main_pid)" != "$pid" ] && [ "$(main_pid)" != 0 ]; }
until_ 15 back || fail "it is not back after a kill"
echo "  after $((SECONDS - began)) s"
printf 'Store,UPC,Qty\n3,849632048260,11\n3,849632040011,0\n' >"/srv/pos export/stock.csv"
until_ 30 delivered 3 || fail "after the kill: $(tillpost status 2>&1)"

echo "a new token without a restart"
pid=$(main_pid)
printf 'another-%s\n' "$secret" | tillpost token set >/dev/null
printf 'Store,UPC,Qty\n3,849632048260,10\n3,849632040011,0\n' >"/srv/pos export/stock.csv"
paused() { tillpost status --json 2>/dev/null | grep -q '"state":"paused"'; }
until_ 30 paused || fail "a wrong token is not noticed: $(tillpost status 2>&1)"
printf '%s\n' "$secret" | tillpost token set >/dev/null
until_ 30 delivered 4 || fail "after the new token: $(tillpost status 2>&1)"
[ "$(main_pid)" = "$pid" ] || fail "it was restarted for a token"

echo "an export is archived, where the account and the unit may"
setfacl -R -m u:tillpost:rwX,d:u:tillpost:rwX "/srv/pos export"
mkdir -p /etc/systemd/system/tillpost.service.d
printf '[Service]\nReadWritePaths="/srv/pos export"\n' >/etc/systemd/system/tillpost.service.d/override.conf
echo '    after: archive' >>/etc/tillpost/tillpost.yaml
systemctl daemon-reload
systemctl restart tillpost
printf 'Store,UPC,Qty\n3,849632048260,9\n3,849632040011,0\n' >"/srv/pos export/stock.csv"
archived() { [ ! -e "/srv/pos export/stock.csv" ]; }
until_ 30 archived || fail "the export was not archived: $(tillpost status 2>&1)"

echo "with a wrong config it goes on trying, and is back once that is mended"
cp /etc/tillpost/tillpost.yaml /run/right.yaml
echo 'wrong: {' >>/etc/tillpost/tillpost.yaml
systemctl restart tillpost || true
tried() { [ "$(systemctl show -p NRestarts --value tillpost)" -ge 2 ]; }
until_ 20 tried || fail "it does not try again"
cp /run/right.yaml /etc/tillpost/tillpost.yaml
answers() { tillpost status --json 2>/dev/null | grep -q '"state":"running"'; }
until_ 20 answers || fail "it is not back: $(tillpost status 2>&1)"

echo "stopped in order"
systemctl stop tillpost
[ "$(systemctl show -p Result --value tillpost)" = success ] || fail "the stop: $(systemctl show -p Result --value tillpost)"
[ "$(systemctl show -p ExecMainStatus --value tillpost)" = 0 ] || fail "its exit status was $(systemctl show -p ExecMainStatus --value tillpost)"
tillpost status >/dev/null || fail "its state cannot be read"

echo "the token is nowhere else"
systemctl stop stand-in # which has it as an argument, so that the journal has it in what it notes of that process
found=$(grep -rlaF "$secret" /etc /var/lib/tillpost /run/systemd /srv 2>/dev/null | grep -v '^/etc/tillpost/token$' || true)
[ -z "$found" ] || fail "it is in $found"
if journalctl -o export _SYSTEMD_UNIT=tillpost.service | grep -qaF "$secret"; then fail "it is in the journal"; fi
if systemctl show tillpost | grep -qF "$secret"; then fail "it is in the unit"; fi
echo "all of it held"
