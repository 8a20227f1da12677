#!/usr/bin/env bash
# Signs programs and packages of Windows in their place: packaging/sign.sh FILE... with the certificate that the environment names.
#
#	SIGN_CERT, SIGN_KEY   a certificate (with those between it and the root) and its key, PEM
#	SIGN_PKCS12           or both in one file, PKCS #12
#	SIGN_PASSWORD_FILE    a file that holds the password of the key, where it has one
#	SIGN_TIMESTAMP        the address of a time stamping service (RFC 3161): without one the signature ends with the certificate
#
# Without a certificate it signs nothing, and says so.
set -euo pipefail

from=()
if [ -n "${SIGN_PKCS12:-}" ]; then
	from=(-pkcs12 "$SIGN_PKCS12")
elif [ -n "${SIGN_CERT:-}" ] && [ -n "${SIGN_KEY:-}" ]; then
	from=(-certs "$SIGN_CERT" -key "$SIGN_KEY")
elif [ -n "${SIGN_CERT:-}${SIGN_KEY:-}" ]; then
	echo "sign.sh: SIGN_CERT and SIGN_KEY belong together, and one of them is missing" >&2
	exit 2
else
	for file; do echo "NOT SIGNED: $file (no SIGN_CERT and SIGN_KEY, no SIGN_PKCS12)"; done
	exit 0
fi
if [ -n "${SIGN_PASSWORD_FILE:-}" ]; then from+=(-readpass "$SIGN_PASSWORD_FILE"); fi
if [ -n "${SIGN_TIMESTAMP:-}" ]; then from+=(-ts "$SIGN_TIMESTAMP"); fi

for file; do
	more=()
	if [[ $file = *.msi ]]; then more=(-add-msi-dse); fi
	rm -f "$file.signed"
	osslsigncode sign "${from[@]}" "${more[@]}" -h sha256 -n tillpost -in "$file" -out "$file.signed" >/dev/null
	mv "$file.signed" "$file"
	echo "signed $file"
done
