#!/usr/bin/env bash
# Makes the release twice, in two folders, and looks at all of it from outside: packaging/check.sh. It ends with 0 only if all of
# it is as it must be. What the packages do once they are installed: packaging/packages.sh and packaging/windows.sh.
#
# It signs with keys of its own that are made for it, and sees that a changed byte is found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# What signs the real thing has no place here.
unset SIGN_CERT SIGN_KEY SIGN_PKCS12 SIGN_PASSWORD_FILE SIGN_TIMESTAMP MINISIGN_KEY

source packaging/shared.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
one=$work/one
two="$work/the other"
: "${VERSION:=$(make -s version)}" "${UNIT:=$(make -s unit)}"

fail() {
	echo "FAILED: $*" >&2
	exit 1
}
refused() { # WHAT COMMAND...: it must fail
	local what=$1
	shift
	if "$@" >"$work/refused" 2>&1; then
		cat "$work/refused" >&2
		fail "$what was not found"
	fi
}

build_twice() {
	local changed
	mkdir "$one" "$two"
	git ls-files -z --cached --others --exclude-standard | tar --null --files-from - --ignore-failed-read -cf "$work/tree.tar"
	tar -xf "$work/tree.tar" -C "$one"
	tar -xf "$work/tree.tar" -C "$two"
	# With the commit in them, as when they are published.
	cp -R .git "$one/"
	cp -R .git "$two/"
	(cd "$one" && umask 022 && TZ=UTC make --no-print-directory release >"$work/one.log" 2>&1) || { cat "$work/one.log" >&2; fail "make release"; }
	(cd "$two" && umask 077 && TZ=Asia/Tokyo make --no-print-directory release >"$work/two.log" 2>&1) || { cat "$work/two.log" >&2; fail "make release, the second time"; }
	grep -q '^NOT SIGNED: dist/SHA256SUMS' "$work/one.log" || fail "make release does not say that nothing was signed"
	# An MSI holds random numbers; all else is the same.
	changed=$(cd "$one/dist" && for file in *; do
		case $file in build | *.msi | SHA256SUMS) ;; *) cmp -s "$file" "$two/dist/$file" || echo "$file" ;; esac
	done)
	same "what differs between two releases" "$changed" ""
	same "the files of two releases" "$(ls "$one/dist")" "$(ls "$two/dist")"
	[ "$(stat -c %a "$two/dist/tillpost-$VERSION-amd64.msi")" = 644 ] || fail "the MSI cannot be read by others"
}

the_files() {
	local v=$VERSION
	same "dist" "$(ls -1 "$one/dist" | LC_ALL=C sort)" "$(printf '%s\n' build SHA256SUMS "tillpost_$v-1_"{amd64,arm64}.deb "tillpost-$v-1."{x86_64,aarch64}.rpm "tillpost-$v-"{amd64,arm64}.msi \
		"tillpost-$v-"{linux-{amd64,arm64}.tar.gz,windows-{amd64,arm64}.zip} "tillpost-$v-"{linux,windows}-{amd64,arm64}.cdx.json | LC_ALL=C sort)"
	same "what the check sums are of" "$(sed 's/^[0-9a-f]\{64\}  //' "$one/dist/SHA256SUMS")" "$(cd "$one/dist" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%f\n' | LC_ALL=C sort)"
	sums "$one/dist" || fail "the check sums are not those of the files"
}

sums() { (cd "$1" && sha256sum --quiet --strict -c SHA256SUMS); } # FOLDER

the_programs() {
	local p program said
	said=$("$one/dist/build/linux-$(go env GOHOSTARCH)/tillpost" version)
	[[ "$said" = "tillpost $VERSION, commit "* ]] || fail "the program says it is $said"
	for p in linux/amd64 linux/arm64 windows/amd64 windows/arm64; do
		program=$(echo "$one/dist/build/${p/\//-}"/tillpost*)
		go version -m "$program" | grep -c $'build\tCGO_ENABLED=0$' >/dev/null || fail "$program is not static"
		go version -m "$program" | grep -c $'build\tGOARCH='"${p#*/}"'$' >/dev/null || fail "$program is for another processor"
		parts "$program" "$one/dist/tillpost-$VERSION-${p/\//-}.cdx.json"
	done
}

# parts PROGRAM LIST: the list has all that the program is made of, and the program's hash.
parts() {
	same "the parts in $(basename "$2")" "$(jq -r '.components[] | .name + " " + .version + " " + ([.properties[]? | select(.name == "go:sum").value] | join(""))' "$2" | sort)" \
		"$( (go version "$1" | sed 's/.*: go\([^ ]*\).*/std \1 /'; go version -m "$1" | awk '$1 == "dep" || $1 == "=>" { print $2, $3, $4 }') | sort)"
	same "the program of $(basename "$2")" "$(jq -r '.bomFormat, .metadata.component.version, .metadata.component.hashes[0].content' "$2")" \
		"$(printf '%s\n' CycloneDX "$VERSION" "$(sha256sum <"$1" | cut -c1-64)")"
}

# What Windows shows of the program.
the_resources() {
	local winres out arch
	winres=$(go -C packaging/tools tool -n go-winres)
	for arch in amd64 arm64; do
		out=$work/resources-$arch
		mkdir "$out"
		"$winres" extract --dir "$out" "$one/dist/build/windows-$arch/tillpost.exe"
		same "version and name of the $arch program" \
			"$(jq -r '.RT_VERSION."#1"."0409" | .fixed.file_version, .fixed.product_version, .info."0409".FileVersion, .info."0409".ProductName, .info."0409".OriginalFilename' "$out/winres.json")" \
			"$(printf '%s\n' "$VERSION.0" "$VERSION.0" "$VERSION" tillpost tillpost.exe)"
		same "manifest of the $arch program" "$(jq -r '.RT_MANIFEST."#1"."0409" | ."long-path-aware", ."minimum-os"' "$out/winres.json")" "$(printf '%s\n' true win10)"
		grep -qa 'requestedExecutionLevel level="asInvoker"' "$one/dist/build/windows-$arch/tillpost.exe" || fail "the $arch program does not say that it needs no rights"
		same "icons of the $arch program" "$(jq -r '.RT_GROUP_ICON.APP | length' "$out/winres.json")" 1
	done
}

the_packages() {
	local arch rpmarch deb rpm files
	for arch in amd64 arm64; do
		deb=$one/dist/tillpost_$VERSION-1_$arch.deb
		rpmarch=$([ $arch = amd64 ] && echo x86_64 || echo aarch64)
		rpm=$one/dist/tillpost-$VERSION-1.$rpmarch.rpm
		TMPDIR=$work lintian --fail-on error "$deb" 2>"$work/lintian" || { cat "$work/lintian" >&2; fail "lintian: $(basename "$deb")"; }
		same "the deb's architecture, version, needs" "$(dpkg-deb -f "$deb" Architecture Version Depends)" "$(printf 'Architecture: %s\nVersion: %s-1\nDepends: adduser' $arch "$VERSION")"
		same "owners in the deb" "$(dpkg-deb -c "$deb" | awk '{ print $2 }' | sort -u)" root/root
		files=$(rpm -qp --qf '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]' "$rpm")
		same "the rpm's files" "$(grep -vE '/man/|/docs/' <<<"$files")" "$(cat packaging/linux/rpm/files)"
		same "the rpm's documents" "$(sed -n 's|.*/doc/tillpost/||p' <<<"$files" | grep docs/)" "$(ls docs/*.md)"
		same "the rpm's processor and version" "$(rpm -qp --qf '%{ARCH} %{VERSION}-%{RELEASE}' "$rpm")" "$rpmarch $VERSION-1"
		same "what the rpm needs" "$(rpm -qp --requires "$rpm" | grep -v '^rpmlib(')" "$(printf '%s\n' /usr/sbin/useradd /usr/sbin/groupadd /usr/bin/getent)"
		rpm -K --nosignature "$rpm" | grep -c 'digests OK' >/dev/null || fail "the rpm's digests are wrong"
		scripts "$deb" "$rpm"
		same_program $arch "$deb" "$rpm"
	done
}

# scripts DEB RPM: they are the ones of packaging/linux, and a shell can read them.
scripts() {
	local name tag
	rm -rf "$work/control"
	dpkg-deb -e "$1" "$work/control"
	for name in preinst postinst prerm postrm; do
		cmp "$work/control/$name" packaging/linux/deb/$name || fail "the deb's $name"
		sh -n "$work/control/$name"
	done
	for name in pre:PREIN post:POSTIN preun:PREUN postun:POSTUN; do
		tag=${name#*:} name=${name%:*}
		same "the rpm's %$name" "$(rpm -qp --qf "%{$tag}" "$2")" "$(cat packaging/linux/rpm/$name)"
		sh -n packaging/linux/rpm/$name
	done
}

# same_program ARCH DEB RPM: whatever it came in, the program is the same, and so is the unit.
same_program() {
	local out=$work/unpacked-$1 packed=tillpost-$VERSION-linux-$1 built=$one/dist/build/linux-$1/tillpost
	mkdir -p "$out/deb" "$out/rpm" "$out/tar"
	dpkg-deb -x "$2" "$out/deb"
	rpm2archive -n - <"$3" | tar -xf - -C "$out/rpm"
	tar -xzf "$one/dist/$packed.tar.gz" -C "$out/tar"
	cmp "$built" "$out/deb/usr/bin/tillpost" && cmp "$built" "$out/rpm/usr/bin/tillpost" && cmp "$built" "$out/tar/$packed/tillpost" || fail "the $1 programs differ"
	cmp "$UNIT" "$out/deb/usr/lib/systemd/system/tillpost.service" && cmp "$UNIT" "$out/rpm/usr/lib/systemd/system/tillpost.service" || fail "the units differ"
	[ "$(find "$out/deb/usr/share/man" -name 'tillpost*.gz' | wc -l)" -ge 20 ] || fail "the deb lacks pages of the manual"
	gzip -dc "$out/deb/usr/share/man/man1/tillpost.1.gz" | grep -c "tillpost $VERSION" >/dev/null || fail "the manual is of another version"
}

the_archives() {
	local arch name
	for arch in amd64 arm64; do
		name=tillpost-$VERSION-linux-$arch
		same "$name.tar.gz" "$(tar -tvzf "$one/dist/$name.tar.gz" | awk '{ print $1, $2, $NF }' | grep -vE '/docs/.*\.(md|png|svg)$')" "$(printf "%s 0/0 $name/%s\n" drwxr-xr-x '' -rw-r--r-- CHANGELOG.md -rw-r--r-- LICENSE \
			-rw-r--r-- README.md drwxr-xr-x docs/ drwxr-xr-x docs/images/ -rwxr-xr-x install.sh -rwxr-xr-x tillpost -rw-r--r-- tillpost.service -rwxr-xr-x uninstall.sh)"
		name=tillpost-$VERSION-windows-$arch
		same "$name.zip" "$(unzip -Z1 "$one/dist/$name.zip" | grep -vE '/docs/.*\.(md|png|svg)$')" "$(printf "$name/%s\n" CHANGELOG.md LICENSE README.md install.cmd tillpost.exe uninstall.cmd)"
		unzip -p "$one/dist/$name.zip" "$name/tillpost.exe" | cmp - "$one/dist/build/windows-$arch/tillpost.exe" || fail "another program is in $name.zip"
		for script in install uninstall; do
			same "lines of $script.cmd that do not end as Windows wants it" "$(unzip -p "$one/dist/$name.zip" "$name/$script.cmd" | grep -vc $'\r$' || true)" 0
		done
	done
}

# Everything is signed with keys of a minute, in the order that counts: the program before it is packed.
the_signatures() {
	local dist=$two/dist exe msi
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=nobody" -addext extendedKeyUsage=codeSigning -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
	minisign -G -W -p "$work/minisign.pub" -s "$work/minisign.key" >/dev/null
	(cd "$two" && rm -rf dist && SIGN_CERT=$work/cert.pem SIGN_KEY=$work/key.pem MINISIGN_KEY=$work/minisign.key make --no-print-directory msi archives checksums >"$work/signed.log" 2>&1) || { cat "$work/signed.log" >&2; fail "make with keys"; }
	if grep "NOT SIGNED" "$work/signed.log"; then fail "a key was given and not used"; fi
	for arch in amd64 arm64; do
		exe=$dist/build/windows-$arch/tillpost.exe msi=$dist/tillpost-$VERSION-$arch.msi
		verify "$exe" || fail "the signature of $exe"
		verify "$msi" || fail "the signature of $msi"
		unzip -p "$dist/tillpost-$VERSION-windows-$arch.zip" "tillpost-$VERSION-windows-$arch/tillpost.exe" | cmp - "$exe" || fail "the program in the zip is not the signed one"
		msiextract -C "$work/msi-$arch" "$msi" >/dev/null
		find "$work/msi-$arch" -name tillpost.exe -exec cmp {} "$exe" \; -print | grep -c . >/dev/null || fail "the MSI lacks the program"
		cmp "$(find "$work/msi-$arch" -name tillpost.exe)" "$exe" || fail "the program in the MSI is not the signed one"
	done
	sums "$dist" || fail "the check sums of what is signed"
	exe=$dist/build/windows-amd64/tillpost.exe msi=$dist/tillpost-$VERSION-amd64.msi
	for file in "$exe" "$msi"; do
		change "$file" 100000
		refused "a changed byte in $(basename "$file")" verify "$file"
	done
	(cd "$dist" && minisign -V -q -p "$work/minisign.pub" -m SHA256SUMS) || fail "the signature of the check sums"
	refused "the changed MSI" sums "$dist"
	change "$dist/SHA256SUMS" 5
	refused "a changed check sum" minisign -V -q -p "$work/minisign.pub" -m "$dist/SHA256SUMS"
	if grep -rlaF -e "$(sed -n 2p "$work/key.pem")" "$dist"; then fail "the key is in what is published"; fi
}

verify() { osslsigncode verify -CAfile "$work/cert.pem" -in "$1" >"$work/verify" 2>&1; }

change() { # FILE OFFSET: another byte there
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	printf "\\x$(printf %x $(((byte + 1) % 256)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

step() {
	local begin=$SECONDS
	echo "$1"
	"$2"
	echo "  $((SECONDS - begin)) s"
}

source packaging/windows/tables.sh

step "the release, twice" build_twice
step "the files of dist" the_files
step "the programs and what they are made of" the_programs
step "icon and version for Windows" the_resources
step "deb and rpm" the_packages
step "the MSI's tables" the_tables
step "the archives" the_archives
step "signatures, and what is changed behind them" the_signatures
echo "all of it held"
