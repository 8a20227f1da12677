#!/usr/bin/env bash
# `tillpost install` and its likes, with a program that somebody has downloaded. It runs inside the system that
# packaging/systemd.sh boots.
# phases: 2
set -euo pipefail
source /life/life.sh

run() { /media/stick/tillpost "$@"; }
roots_own() { find /var/lib/tillpost /srv/data -user root -not -path '*/archive/*' 2>/dev/null || true; } # what is archived was the POS's

if [ "$1" = 2 ]; then
	export TILLPOST_CONFIG="/srv/a config/tillpost.yaml"
	echo "it has started with the computer"
	until_ 30 is_active || fail "it has not"
	stand_in /usr/local/bin/tillpost
	export_rows "/srv/pos export/stock.csv" 3,849632048260,5 3,849632040011,5
	until_ 30 arrived 5 || fail "after the restart: $(tillpost status 2>&1)"

	echo "uninstalled, what it knows stays"
	tillpost uninstall
	run() { /life/tillpost "$@"; }
	tells "is not installed" run uninstall
	[ ! -e /etc/systemd/system/tillpost.service ] && [ ! -e /usr/local/bin/tillpost ] && [ ! -e /etc/systemd/system/tillpost.service.d ] || fail "something is left of it"
	[ -e /srv/data/outbox.db ] && [ -e "/srv/a config/tillpost.yaml" ] && [ -e /etc/tillpost/token ] || fail "the outbox, the config or the token is gone"
	says "is not installed" run start
	run install --config "/srv/a config/tillpost.yaml" >/dev/null
	until_ 30 is_active || fail "it does not come back"
	[ "$(run status --json | grep -c '"delivered":1[0-9][0-9]')" = 1 ] || fail "it has forgotten what was delivered"

	echo "an outbox of the first format goes on"
	run stop >/dev/null
	rm -rf /srv/data/*
	tar -xzf /life/format-1.tar.gz -C /srv/data
	chown -R tillpost: /srv/data
	run start >/dev/null
	until_ 30 is_active || fail "it does not start with an outbox of the first format"
	tells "verified" run check
	all_but_one() { grep -qE '"pending":1,.*"delivered":(7|8|9|1[0-9]),.*"to_confirm":1,' <<<"$(run status --json)"; } # that one is in no hurry
	until_ 60 all_but_one || fail "what waited in an outbox of the first format is not delivered: $(run status 2>&1)"
	if ls /srv/data/*damaged* 2>/dev/null; then fail "it took the old format for damage"; fi

	echo "purged, nothing stays"
	run uninstall --purge --config "/srv/a config/tillpost.yaml"
	for left in /srv/data /etc/tillpost "/srv/a config" /var/lib/tillpost /usr/local/bin/tillpost /etc/systemd/system/tillpost.service; do
		[ ! -e "$left" ] || fail "$left is left: $(find "$left")"
	done
	if getent passwd tillpost; then fail "the account is left"; fi
	[ -e "/srv/pos export" ] || fail "the POS's folder is gone"
	run uninstall --purge >/dev/null || fail "it does not do it twice"
	token_nowhere_but ""
	exit 0
fi

mkdir -p /media/stick "/srv/a config" "/srv/pos export" /etc/tillpost
install -m 755 /life/tillpost /media/stick/tillpost
stand_in /media/stick/tillpost

echo "what is missing is said, and nothing is changed"
install -m 755 /life/tillpost /tmp/tillpost
says '`sudo`' runuser -u nobody -- /tmp/tillpost uninstall
says "no such file or folder" run install
cat >"/srv/a config/tillpost.yaml" <<END2
api: {url: "http://$api", rate: 2/s}
data_dir: /srv/data
sources:
  - folder: /srv/pos export
    settle: 100ms
    after: archive
    guard: "off"
END2
says "there is no token" run install --config "/srv/a config/tillpost.yaml"
TILLPOST_TOKEN=$secret says "a service does not see" run install --config "/srv/a config/tillpost.yaml"
[ ! -e /etc/systemd/system/tillpost.service ] && [ ! -e /usr/local/bin/tillpost ] || fail "something was made all the same"
printf '%s\n' "$secret" | run token set --config "/srv/a config/tillpost.yaml" >/dev/null

echo "what fails half-way is taken back"
mv /etc/systemd/system/multi-user.target.wants /run/wants
touch /etc/systemd/system/multi-user.target.wants
says "enable" run install --config "/srv/a config/tillpost.yaml"
[ ! -e /etc/systemd/system/tillpost.service ] && [ ! -e /usr/local/bin/tillpost ] && [ ! -e /etc/systemd/system/tillpost.service.d ] || fail "something of it is left"
if getent passwd tillpost; then fail "the account is left"; fi
rm /etc/systemd/system/multi-user.target.wants
mv /run/wants /etc/systemd/system/multi-user.target.wants
mkdir /run/cut
cat >/run/cut/systemctl <<'END2' # a person ends the command where it first asks systemd to read its units anew
#!/bin/sh
if [ "$1" = daemon-reload ] && [ ! -e /run/cut/off ]; then
	touch /run/cut/off
	kill -INT $PPID
	exec sleep 10
fi
exec /usr/bin/systemctl "$@"
END2
chmod +x /run/cut/systemctl
cut_off() { rm -f /run/cut/off && PATH=/run/cut:$PATH run "$@"; }
if said=$(cut_off install --config "/srv/a config/tillpost.yaml" 2>&1); then fail "it was not cut off: $said"; fi
[ -e /run/cut/off ] && [ ! -e /etc/systemd/system/tillpost.service ] && [ ! -e /usr/local/bin/tillpost ] && [ ! -e /etc/systemd/system/tillpost.service.d ] || fail "something of what was cut off is left: $said"
if getent passwd tillpost; then fail "the account is left: $said"; fi

echo "installed, it delivers"
run install --config "/srv/a config/tillpost.yaml"
export TILLPOST_CONFIG="/srv/a config/tillpost.yaml"
is_active || fail "it is not active"
pid=$(main_pid)
[ "$(readlink "/proc/$pid/exe")" = /usr/local/bin/tillpost ] || fail "it runs $(readlink "/proc/$pid/exe")"
[ "$(stat -c %U "/proc/$pid")" = tillpost ] || fail "it runs as $(stat -c %U "/proc/$pid")"
[ "$(stat -c '%U %a' /etc/tillpost/token)" = "tillpost 600" ] || fail "the token's file is $(stat -c '%U %a' /etc/tillpost/token)"
setfacl -R -m u:tillpost:rwX,d:u:tillpost:rwX "/srv/pos export"
export_rows "/srv/pos export/stock.csv" 3,849632048260,12 3,849632040011,0
until_ 30 arrived 12 || fail "the export was not delivered: $(tillpost status 2>&1)"
archived() { [ ! -e "/srv/pos export/stock.csv" ]; }
until_ 30 archived || fail "the export was not archived: $(tillpost status 2>&1)"

echo "check says what the service is, and looks as its account"
checked=$(tillpost check 2>&1) || fail "check: $checked"
grep -q "runs as process $pid (systemd), as the account tillpost; it is started again" <<<"$checked" || fail "check: $checked"

echo "a second time nothing happens"
said=$(run install)
[ "$(main_pid)" = "$pid" ] || fail "it was started anew: $said"
tells "runs already" tillpost start
drop_in=/etc/systemd/system/tillpost.service.d/50-config.conf
cp $drop_in /run/drop-in
cp "/srv/a config/tillpost.yaml" /run/right.yaml
echo 'log: {file: /srv/log/till.log}' >>"/srv/a config/tillpost.yaml"
if said=$(cut_off install 2>&1); then fail "it was not cut off: $said"; fi
cp /run/right.yaml "/srv/a config/tillpost.yaml"
cmp /run/drop-in $drop_in || fail "the drop-in is not as it was: $said"
[ "$(systemctl show -p NeedDaemonReload --value tillpost) $(systemctl is-enabled tillpost)" = "no enabled" ] || fail "systemd does not know the unit as it was: $said"

echo "what root does to a stopped one stays the service's"
tillpost stop
tells "does not run" tillpost stop
export_rows "/srv/pos export/stock.csv" 3,849632048260,11 3,849632040011,0
tillpost status >/dev/null
tillpost sync >/dev/null || fail "sync as root"
tillpost pause >/dev/null
tillpost resume >/dev/null
tillpost preview --json /life/life.sh >/dev/null 2>&1 || true
[ -z "$(roots_own)" ] || fail "root has made $(roots_own)"
tillpost restart >/dev/null
is_active || fail "it does not start after that"

echo "a newer program takes over while updates wait"
api_down 503
export_rows "/srv/pos export/stock.csv" 3,849632048260,10 3,849632040011,1
until_ 30 waiting 2 || fail "nothing waits: $(tillpost status 2>&1)"
pid=$(main_pid)
install -m 755 /life/tillpost-newer /media/stick/tillpost
run install
back_from "$pid" || fail "it was not started anew"
tells 99.0.0 tillpost version
waiting 2 || fail "what waited is lost: $(tillpost status 2>&1)"
api_down 0
until_ 60 arrived 10 || fail "what waited was not delivered: $(tillpost status 2>&1)"
pid=$(main_pid)
says "is version 99.0.0 and this is the older 98.0.0" /life/tillpost install
[ "$(main_pid)" = "$pid" ] && tells 99.0.0 tillpost version || fail "an older program took the place of a newer one"

echo "where it hangs it is ended and started again"
mkdir -p /etc/systemd/system/tillpost.service.d
printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n' >/etc/systemd/system/tillpost.service.d/60-quick.conf
systemctl daemon-reload
tillpost restart >/dev/null
sleep 5 # it lives on while it answers
pid=$(main_pid)
[ "$(systemctl show -p NRestarts --value tillpost)" = 0 ] || fail "it was ended though it answers"
kill -STOP "$pid"
until_ 20 back_from "$pid" || fail "it hangs for good"
rm /etc/systemd/system/tillpost.service.d/60-quick.conf
systemctl daemon-reload
tillpost restart >/dev/null

echo "killed again and again, it does not burst"
rows=()
for i in $(seq 100 199); do rows+=("3,,SHOE-$i,9,D,$i"); done
{ printf 'Store,UPC,Style,Size,Width,Qty\n'; printf '%s\n' "${rows[@]}"; } >"/srv/pos export/much.csv"
until_ 30 waiting 9[0-9] || fail "nothing waits: $(tillpost status 2>&1)"
began=$SECONDS had=$(api_requests)
for _ in 1 2 3 4 5; do
	pid=$(main_pid)
	kill -9 "$pid"
	until_ 15 back_from "$pid" || fail "it is not back after a kill"
	sleep 1
done
sent=$(($(api_requests) - had)) may=$((2 * (SECONDS - began + 1)))
echo "  $sent requests in $((SECONDS - began)) s at 2 a second"
[ $sent -le $may ] || fail "$sent requests, and $may were allowed"
[ $sent -gt 0 ] || fail "nothing is sent at all"
until_ 90 delivered 105 || fail "after that: $(tillpost status 2>&1)"
