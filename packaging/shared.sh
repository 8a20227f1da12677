# What the scripts of packaging that check something share. They read it with `source`, and have a `fail` of their own.

secret=tok-SECRET-0123456789
api=127.0.0.1:8099

until_() { # SECONDS COMMAND...: waits until the command says yes
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

same() { # WHAT GOT WANT
	if [ "$2" != "$3" ]; then
		diff <(printf '%s\n' "$3") <(printf '%s\n' "$2") >&2 || true
		fail "$1: see above, < is what was wanted"
	fi
}

# What the API's stand-in was told, and what it is to do.
http_() { # METHOD PATH [BODY]: the answer's body
	exec 3<>"/dev/tcp/${api/://}"
	printf '%s %s HTTP/1.0\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "$api" "$secret" "${#3}" "${3:-}" >&3
	sed '1,/^\r$/d' <&3
	exec 3>&-
}
api_answers() { [[ "$( (http_ GET /state '') 2>/dev/null || true)" = *'"requests"'* ]]; }
api_requests() { http_ GET /state '' | tr -d ' \n' | sed -n 's/^[^[]*"requests":\([0-9]*\).*/\1/p'; }
api_down() { [[ "$(http_ POST /control "{\"down\":$1}")" = *faults* ]] || fail "the stand-in does not go down"; } # 0 = up

# documented FILE: the transcript in a document, without the fence around it.
documented() { sed -n '/^<!-- transcript/,/^<!-- end of transcript/{/^<!--/d;/^```/d;p}' "$1" | tr -d '\r'; }
# alike: what is read, with an N for the numbers that are others each time.
alike() { sed -E 's/process [0-9]+/process N/; s/\b[0-9]+ s\b/N s/g'; }
