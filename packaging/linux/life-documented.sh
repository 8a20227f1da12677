#!/usr/bin/env bash
# The steps of docs/install-linux.md without a package and without `tillpost install`, and what may happen then.
# It runs inside the system that packaging/systemd.sh boots.
set -euo pipefail
install -m 755 /life/tillpost /usr/bin/tillpost
install -m 644 /life/tillpost.service /etc/systemd/system/

source /life/life.sh

echo "the API's stand-in"
stand_in /usr/bin/tillpost

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
until_ 15 back_from "$pid" || fail "it is not back after a kill"
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
token_nowhere_but /etc/tillpost/token
