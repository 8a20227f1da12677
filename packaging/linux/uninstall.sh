#!/bin/sh
# Removes what install.sh installed: sh uninstall.sh [--purge]. Config and data stay without --purge.
set -eu

if [ "$(id -u)" -ne 0 ]; then
	echo "uninstall.sh: only root may remove a service: sudo sh uninstall.sh" >&2
	exit 1
fi
if [ ! -e /usr/local/bin/tillpost ]; then
	echo "uninstall.sh: /usr/local/bin/tillpost is not there: nothing to remove"
	for left in /etc/tillpost /var/lib/tillpost; do
		[ ! -e $left ] || echo "$left is still there, with what tillpost had written: rm -r $left removes it"
	done
	exit 0
fi
/usr/local/bin/tillpost uninstall "$@"
rm -f /usr/local/bin/tillpost
echo "removed /usr/local/bin/tillpost"
