#!/bin/sh
# Installs tillpost from this folder: sh install.sh [FLAG OF tillpost install...]. Done again, it puts this version in the place
# of the other. Where there is no config yet it puts the program into its place and says what comes next.
set -eu
cd "$(dirname "$0")"

if [ "$(id -u)" -ne 0 ]; then
	echo "install.sh: only root may install a service: sudo sh install.sh" >&2
	exit 1
fi
if [ -e /usr/bin/tillpost ]; then
	echo "install.sh: /usr/bin/tillpost is there already, from a package or put there by hand: upgrade the package, or remove it first" >&2
	exit 1
fi
if [ -e /usr/local/bin/tillpost ]; then
	./tillpost replaces /usr/local/bin/tillpost
fi

# In one step: the program that runs keeps its own file until it starts anew.
mkdir -p /usr/local/bin
cp tillpost /usr/local/bin/.tillpost.new
chmod 755 /usr/local/bin/.tillpost.new
mv -f /usr/local/bin/.tillpost.new /usr/local/bin/tillpost
echo "installed /usr/local/bin/tillpost"

if [ ! -e "${TILLPOST_CONFIG:-/etc/tillpost/tillpost.yaml}" ] && [ $# -eq 0 ]; then
	echo "next: \`tillpost init\` asks for the rest, then \`tillpost install\` starts the service"
	exit 0
fi
exec /usr/local/bin/tillpost install "$@"
