# What the scripts share that packaging/systemd.sh runs inside the systems that it boots. They read it with `source`.

source /life/shared.sh

fail() {
	echo "FAILED: $*" >&2
	systemctl status tillpost --no-pager -n 20 >&2 || true
	journalctl -u tillpost --no-pager -n 30 >&2 || true
	exit 1
}

delivered() { # N: nothing waits, and so many updates or more were acknowledged
	local status n
	status=$(tillpost status --json 2>/dev/null) || return 1
	n=$(sed -n 's/.*"delivered":\([0-9]*\).*/\1/p' <<<"$status")
	grep -q '"pending":0[,}]' <<<"$status" && [ "${n:-0}" -ge "$1" ]
}

arrived() { # N: nothing waits, and the API has that quantity of the first product
	waiting 0 && [[ "$(http_ GET /state '')" = *"\"upc\":\"849632048260\",\"quantity\":$1,"* ]]
}

waiting() { # N: so many updates wait
	local status
	status=$(tillpost status --json 2>/dev/null) || return 1
	grep -qE "\"pending\":$1[,}]" <<<"$status"
}

main_pid() { systemctl show -p MainPID --value tillpost; }
is_active() { [ "$(systemctl is-active tillpost)" = active ]; }

back_from() { # PID: the service runs, as another process
	local now
	is_active || return 1
	now=$(main_pid)
	[ "$now" != "$1" ] && [ "$now" != 0 ]
}

says() { # TEXT COMMAND...: the command fails and says so, whatever its exit status
	local text=$1 said
	shift
	if said=$("$@" 2>&1); then fail "$* should fail, and says: $said"; fi
	grep -qF -- "$text" <<<"$said" || fail "$* should say \"$text\", and says: $said"
}

tells() { # TEXT COMMAND...: the command does it, and says so
	local text=$1 said
	shift
	said=$("$@" 2>&1) || fail "$* fails: $said"
	grep -qF -- "$text" <<<"$said" || fail "$* should say \"$text\", and says: $said"
}

# The API's stand-in, as another program. It has the token in its environment, which no list of processes shows.
stand_in() { # PROGRAM
	(umask 077 && printf 'TILLPOST_TOKEN=%s\n' "$secret" >/run/secret)
	systemd-run --quiet --unit=stand-in --property=EnvironmentFile=/run/secret "$1" mock-api --listen "$api"
	until_ 10 api_answers || fail "the stand-in does not answer"
}

export_rows() { # FILE ROW...: an export as a POS writes it, in one step
	local file=$1
	shift
	{ printf 'Store,UPC,Qty\n'; printf '%s\n' "$@"; } >"$file.tmp"
	mv "$file.tmp" "$file"
}

# Where the token is, but for the one place where it belongs: FILE...
token_nowhere_but() {
	local found except=$1
	systemctl stop stand-in 2>/dev/null || true
	rm -f /run/secret
	printf 'x %s y' "$secret" >/opt/decoy # so that it is known that the search finds
	found=$(grep -rlaF "$secret" /etc /var /run /srv /tmp /root /home /opt /usr/local 2>/dev/null || true)
	rm /opt/decoy
	same "where the token is" "$(sort <<<"$found")" "$(printf '%s\n' /opt/decoy $except | sort)"
	# To the end of each: who stops at the first find lets its writer fail, and the shell takes that for "not found".
	[ "$(journalctl -o export | grep -caF "$secret" || true)" = 0 ] || fail "the token is in the journal"
	[ "$(systemctl show tillpost | grep -caF "$secret" || true)" = 0 ] || fail "the token is in the unit"
	[ "$(cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -caFf <(printf '%s\n' "$secret") || true)" = 0 ] || fail "the token is in a process's arguments or environment"
}

quietly() { # COMMAND...: what it prints is shown where it fails
	local log
	log=$("$@" 2>&1) || fail "$*: $log"
}
