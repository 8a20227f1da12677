#!/usr/bin/env bash
# The life of the deb and of the rpm, the archive's scripts, and the playbook. It runs inside the system that packaging/systemd.sh
# boots; packaging/packages.sh puts two versions of each into its /packages.
set -euo pipefail
source /life/life.sh
packages=/packages
[ -d $packages ] || fail "there are no packages: run packaging/packages.sh"

version() { tillpost version | sed 's/tillpost \([^,]*\),.*/\1/'; }

configure() {
	mkdir -p /srv/pos
	cat >/etc/tillpost/tillpost.yaml <<END
api: {url: "http://$api"}
sources:
  - folder: /srv/pos
    settle: 100ms
END
	printf '%s\n' "$secret" | tillpost token set >/dev/null
}
export_() { # N: an export that changes one quantity
	export_rows /srv/pos/stock.csv "3,849632048260,$1"
}
runs() { # VERSION: it runs, and not the program of another version
	is_active && [ "$(version)" = "$1" ] && [ "$(readlink "/proc/$(main_pid)/exe")" = /usr/bin/tillpost ]
}
kept() { # WHEN
	[ "$(cat /etc/tillpost/token)" = "$secret" ] || fail "$1, the token is not what it was"
	grep -q $api /etc/tillpost/tillpost.yaml || fail "$1, the config is not what it was"
	[ -e /var/lib/tillpost/outbox.db ] || fail "$1, the outbox is not there"
}

stand_in $packages/program

echo "deb: installed, it has its account and waits for a config"
dpkg -i $packages/1.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
[ "$(systemctl is-enabled tillpost)" = enabled ] || fail "it is $(systemctl is-enabled tillpost)"
[ "$(getent passwd tillpost | cut -d: -f6,7)" = /var/lib/tillpost:/usr/sbin/nologin ] || fail "the account is $(getent passwd tillpost)"
man -w tillpost >/dev/null 2>&1 || [ -e /usr/share/man/man1/tillpost.1.gz ] || fail "it has no page of the manual"
configure
systemctl restart tillpost
export_ 12
until_ 30 delivered 1 || fail "not delivered: $(tillpost status 2>&1)"

echo "deb: upgraded, the new program runs and goes on where the old one was"
before=$(main_pid)
dpkg -i $packages/2.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
[ "$(main_pid)" != "$before" ] || fail "the old program still runs"
until_ 30 runs 0.1.2 || fail "version $(version) runs"
kept "after the upgrade"
delivered 1 || fail "it does not know what was delivered: $(tillpost status 2>&1)"
export_ 11
until_ 30 delivered 2 || fail "not delivered: $(tillpost status 2>&1)"

echo "deb: an older one is refused, and the newer one goes on"
before=$(main_pid)
if dpkg -i $packages/1.deb >/run/dpkg.log 2>&1; then fail "it was installed: $(cat /run/dpkg.log)"; fi
grep -q "tillpost 0.1.2-1 is installed, and 0.1.1-1 is older" /run/dpkg.log || fail "it does not say why: $(cat /run/dpkg.log)"
is_active && [ "$(main_pid)" = "$before" ] && runs 0.1.2 || fail "the newer one does not go on"

echo "deb: what a person has disabled and stopped stays so"
systemctl disable --quiet --now tillpost
dpkg -i $packages/2.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
[ "$(systemctl is-enabled tillpost)" = disabled ] || fail "it is $(systemctl is-enabled tillpost)"
if is_active; then fail "it was started"; fi
systemctl enable --quiet --now tillpost
dpkg -i $packages/2.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"

echo "deb: removed, it is stopped and keeps what it had; back, it goes on"
pid=$(main_pid)
dpkg -r tillpost >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
[ ! -e "/proc/$pid" ] || fail "it still runs"
[ ! -e /usr/bin/tillpost ] || fail "the program is still there"
[ "$(systemctl show -p LoadState --value tillpost)" = not-found ] || fail "the unit is still there"
kept "after the removal"
dpkg -i $packages/2.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
until_ 30 runs 0.1.2 || fail "it does not run again"
until_ 30 delivered 2 || fail "it does not know what was delivered: $(tillpost status 2>&1)"

echo "deb: purged, nothing is left but the account"
mkdir -p /etc/systemd/system/tillpost.service.d
echo >/etc/systemd/system/tillpost.service.d/50-config.conf
dpkg -P tillpost >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
if is_active; then fail "it still runs"; fi
left=$(find / -xdev -name '*tillpost*' ! -path '/proc/*' ! -path '/packages/*' ! -path '/life/*' ! -path '/var/log/*' ! -path '/run/*' 2>/dev/null || true)
[ -z "$left" ] || fail "left are $left"
getent passwd tillpost >/dev/null || fail "the account is gone"

echo "rpm: installed, upgraded, removed"
userdel tillpost
rpm -i --nodeps $packages/1.rpm >/run/rpm.log 2>&1 || fail "$(cat /run/rpm.log)"
[ "$(getent passwd tillpost | cut -d: -f6,7)" = /var/lib/tillpost:/sbin/nologin ] || fail "the account is $(getent passwd tillpost)"
configure
systemctl enable --quiet tillpost
systemctl restart tillpost
export_ 10
until_ 30 delivered 1 || fail "not delivered: $(tillpost status 2>&1)"
before=$(main_pid)
rpm -U --nodeps $packages/2.rpm >/run/rpm.log 2>&1 || fail "$(cat /run/rpm.log)"
[ "$(rpm -q tillpost)" = "tillpost-0.1.2-1.$(uname -m)" ] || fail "installed is $(rpm -q tillpost)"
[ "$(main_pid)" != "$before" ] || fail "the old program still runs"
until_ 30 runs 0.1.2 || fail "version $(version) runs"
[ "$(systemctl is-enabled tillpost)" = enabled ] || fail "after the upgrade it is $(systemctl is-enabled tillpost)"
kept "after the upgrade"
if rpm -U --nodeps $packages/1.rpm >/run/rpm.log 2>&1; then fail "rpm went back to an older version"; fi
pid=$(main_pid)
rpm -e tillpost >/run/rpm.log 2>&1 || fail "$(cat /run/rpm.log)"
[ ! -e "/proc/$pid" ] || fail "it still runs"
[ ! -e /usr/bin/tillpost ] || fail "the program is still there"
[ ! -e /etc/systemd/system/multi-user.target.wants/tillpost.service ] || fail "it is still enabled"
kept "after the removal"

echo "the archive's scripts: who may, what comes next, installed, removed"
rm -rf /etc/tillpost /var/lib/tillpost
mkdir /run/archive
tar -xzf $packages/archive.tar.gz -C /run/archive --strip-components 1
says "only root may" runuser -u nobody -- sh /run/archive/install.sh
tells 'next: `tillpost init`' sh /run/archive/install.sh
cmp /run/archive/tillpost /usr/local/bin/tillpost
touch /usr/bin/tillpost
says "from a package" sh /run/archive/install.sh
rm /usr/bin/tillpost
mkdir -p /etc/tillpost
configure
sh /run/archive/install.sh >/run/install.log 2>&1 || fail "$(cat /run/install.log)"
until_ 30 is_active || fail "it does not run: $(cat /run/install.log)"
export_ 9
until_ 30 delivered 1 || fail "not delivered: $(tillpost status 2>&1)"
sh /run/archive/install.sh >/run/install.log 2>&1 || fail "again: $(cat /run/install.log)"
sh /run/archive/uninstall.sh >/run/install.log 2>&1 || fail "$(cat /run/install.log)"
if is_active; then fail "it still runs"; fi
[ ! -e /usr/local/bin/tillpost ] || fail "the program is still there"
kept "after uninstall.sh"
tells "nothing to remove" sh /run/archive/uninstall.sh

echo "a package after an installation without one takes its place"
sh /run/archive/install.sh >/run/install.log 2>&1 || fail "$(cat /run/install.log)"
until_ 30 is_active || fail "it does not run"
dpkg -i $packages/2.deb >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"
[ ! -e /etc/systemd/system/tillpost.service ] && [ ! -e /usr/local/bin/tillpost ] || fail "the old unit or program is left"
until_ 30 runs 0.1.2 || fail "the package's program does not run: $(systemctl status tillpost 2>&1)"
[ "$(systemctl is-enabled tillpost)" = enabled ] || fail "it is $(systemctl is-enabled tillpost)"
mkdir -p /opt/old
cp /usr/bin/tillpost /opt/old/tillpost
sed 's#^ExecStart=.*#ExecStart="/opt/old/tillpost" run#' /life/tillpost.service >/etc/systemd/system/tillpost.service
systemctl daemon-reload
systemctl reenable --quiet tillpost
systemctl restart tillpost
checked=$(tillpost check 2>&1 || true)
grep -q 'hides that of a package' <<<"$checked" || fail "check says nothing of a unit that hides the package's: $checked"
tillpost install >/run/install.log 2>&1 || fail "$(cat /run/install.log)"
[ ! -e /etc/systemd/system/tillpost.service ] || fail "install leaves the unit that hides the package's"
until_ 30 runs 0.1.2 || fail "the package's program does not run: $(systemctl status tillpost 2>&1)"
[ "$(systemctl is-enabled tillpost)" = enabled ] || fail "it is $(systemctl is-enabled tillpost)"
rm -r /opt/old
dpkg -P tillpost >/run/dpkg.log 2>&1 || fail "$(cat /run/dpkg.log)"

echo "Ansible: a store is set up; a second run changes nothing; an upgrade"
cd $packages/ansible
export LC_ALL=C.UTF-8 ANSIBLE_NOCOWS=1
play() { # PACKAGE WANT: the numbers of the recap
	printf '%s\n' '[stores]' 'localhost ansible_connection=local' >/run/hosts
	printf '{"tillpost_package": "%s", "tillpost_url": "http://%s", "tillpost_folder": "/srv/pos", "tillpost_store": 3, "tillpost_token": "%s"}\n' "$1" "$api" "$secret" >/run/vars.json
	ansible-playbook -v -i /run/hosts -e @/run/vars.json tillpost.yml >/run/ansible.log 2>&1 || fail "$(cat /run/ansible.log)"
	grep -qE "$2" /run/ansible.log || fail "not $2: $(cat /run/ansible.log)"
	if grep -qF "$secret" /run/ansible.log; then fail "the token is in what Ansible prints"; fi
}
rm -rf /etc/tillpost
rm -rf /var/lib/tillpost
play $packages/1.deb 'changed=[1-9][0-9]* .*failed=0'
until_ 30 runs 0.1.1 || fail "it does not run"
export_ 8
until_ 30 delivered 1 || fail "not delivered: $(tillpost status 2>&1)"
play $packages/1.deb 'changed=0 .*failed=0'
play $packages/2.deb 'changed=2 .*failed=0'
until_ 30 runs 0.1.2 || fail "version $(version) runs"

rm /run/vars.json
token_nowhere_but /etc/tillpost/token
