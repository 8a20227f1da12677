# The MSI's tables as they must be; packaging/check.sh reads it with `source`.

# has MSI TABLE ROW...: the table has each row, columns between |.
has() {
	local msi=$1 name=$2 rows row
	shift 2
	rows=$(msiinfo export "$msi" "$name" | tr -d '\r' | tail -n +4 | tr '\t' '|')
	for row; do
		grep -qxF -- "$row" <<<"$rows" || { printf '%s\n' "$rows" >&2; fail "$(basename "$msi"): its table $name lacks $row"; }
	done
}
# only MSI TABLE ROW...: the table has each row, and no other.
only() {
	has "$@"
	same "rows in $2" "$(msiinfo export "$1" "$2" | tail -n +4 | wc -l)" "$(($# - 2))"
}

the_tables() {
	local arch msi code actions
	code=$(sed -n 's/.* UpgradeCode="\([^"]*\)".*/{\1}/p' packaging/windows/tillpost.wxs)
	same "the code that joins all versions, for ever" "$code" "{7032CCB3-730F-44EF-91A5-07A6E7BA0A91}"
	for arch in amd64 arm64; do
		msi=$one/dist/tillpost-$VERSION-$arch.msi
		same "processor" "$(msiinfo suminfo "$msi" | sed -n 's/^Template: //p')" "$([ $arch = amd64 ] && echo 'x64;1033' || echo 'Arm64;1033')"
		has "$msi" Property "ProductVersion|$VERSION" "ALLUSERS|1" "REBOOT|ReallySuppress" "UpgradeCode|$code" "MsiHiddenProperties|TOKEN" "ARPPRODUCTICON|tillpost.ico" \
			"SecureCustomProperties|FOLDER;PURGE;STORE;TOKEN;TOKENFILE;URL;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED"
		only "$msi" Upgrade "$code||$VERSION||513||WIX_UPGRADE_DETECTED" "$code|$VERSION|||2||WIX_DOWNGRADE_DETECTED"
		has "$msi" File "tillpost.exe|Program|tillpost.exe|$(stat -c %s "$one/dist/build/windows-$arch/tillpost.exe")|$VERSION.0|1033|512|1"
		same "files that are compared by their hash, not by their version" "$(msiinfo export "$msi" MsiFileHash | tail -n +4 | cut -f 1)" "$(printf '%s\n' README.md LICENSE)"
		# Nothing of the data's folder, so that it stays.
		only "$msi" Directory "TARGETDIR||SourceDir" "ProgramFiles64Folder|TARGETDIR|." "INSTALLDIR|ProgramFiles64Folder|tillpost" "ProgramMenuFolder|TARGETDIR|."
		only "$msi" Shortcut 'Status|ProgramMenuFolder|TILLPOST|tillpost status|Program|[INSTALLDIR]tillpost.exe|open --menu|Shows how the stock gets from the till to the web shop||tillpost.ico|0|7|INSTALLDIR||||'
		same "tables that remove or create folders" "$(msiinfo export "$msi" RemoveFile | tail -n +4; msiinfo export "$msi" CreateFolder | tail -n +4)" ""
		same "where what was given is looked for" "$(msiinfo export "$msi" InstallUISequence | tr -d '\r' | cut -f 1 | grep -x AppSearch || true)" ""
		the_service "$msi"
		the_actions "$msi"
		# The registry as the program reads it; nowhere are the values part of a command line.
		only "$msi" RegLocator 'WasUrl|2|SOFTWARE\tillpost|Url|18' 'WasFolder|2|SOFTWARE\tillpost|Folder|18' 'WasStore|2|SOFTWARE\tillpost|Store|18' 'WasTokenFile|2|SOFTWARE\tillpost|TokenFile|18'
		same "the registry" "$(msiinfo export "$msi" Registry | tr -d '\r' | tail -n +4 | cut -f 2- | tr '\t' '|')" \
			"$(printf '%s\n' '2|SOFTWARE\tillpost|Url|[URL]|Given' '2|SOFTWARE\tillpost|Folder|[FOLDER]|Given' "2|SOFTWARE\\tillpost|Package|$VERSION|Given" '2|SOFTWARE\tillpost|Store|[STORE]|Given' '2|SOFTWARE\tillpost|TokenFile|[TOKENFILE]|Given')"
		actions=$(msiinfo export "$msi" LaunchCondition | tr -d '\r' | tail -n +4 | cut -f 1)
		same "what refuses an installation" "$actions" "$(printf '%s\n' 'NOT WIX_DOWNGRADE_DETECTED' 'Installed OR NOT TOKEN' 'Installed OR NOT STORE << "#"')"
	done
}

the_service() { # MSI
	only "$1" ServiceInstall 'Service|tillpost|tillpost|16|2|32769|||NT SERVICE\tillpost||run --service|Program|Brings the stock exports of the point of sale to the web shop'
	only "$1" ServiceControl 'Control|tillpost|162||1|Program'
	only "$1" MsiServiceConfig 'Delayed|tillpost|5|3|1|Program'
	only "$1" Environment 'Path|=-*PATH|[~];[INSTALLDIR]|Program'
}

the_actions() { # MSI
	only "$1" CustomAction 'KeepUrl|51|URL|[WAS_URL]|' 'KeepFolder|51|FOLDER|[WAS_FOLDER]|' 'KeepStore|51|STORE|[WAS_STORE]|' 'KeepTokenFile|51|TOKENFILE|[WAS_TOKENFILE]|' \
		'Setup|3090|tillpost.exe|package-setup|' 'Remove|3154|tillpost.exe|package-remove|' 'Purge|3090|tillpost.exe|package-remove --purge|' \
		'WaitForIt|3170|INSTALLDIR|"[System64Folder]cmd.exe" /d /c for /l %i in (1,1,30) do (type nul >> "[INSTALLDIR]tillpost.exe" && exit 0 || ping -n 2 127.0.0.1)|'
	has "$1" InstallExecuteSequence 'AppSearch||50' 'KeepUrl|NOT URL AND WAS_URL|51' 'KeepFolder|NOT FOLDER AND WAS_FOLDER|52' 'KeepStore|NOT STORE AND WAS_STORE|53' \
		'KeepTokenFile|NOT TOKENFILE AND WAS_TOKENFILE|54' 'LaunchConditions||100' 'InstallInitialize||1500' 'RemoveExistingProducts||1501' 'StopServices||1900' \
		'Remove|REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE AND NOT PURGE="1"|1951' 'Purge|REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE AND PURGE="1"|1952' 'WaitForIt|REMOVE="ALL"|1953' \
		'DeleteServices|VersionNT AND NOT UPGRADINGPRODUCTCODE|2000' 'RemoveShortcuts||3200' 'RemoveEnvironmentStrings||3300' 'RemoveFiles||3500' 'CreateShortcuts||4500' 'WriteRegistryValues||5000' 'WriteEnvironmentStrings||5200' \
		'InstallServices|VersionNT AND NOT WIX_UPGRADE_DETECTED|5800' 'MsiConfigureServices||5850' 'Setup|NOT REMOVE="ALL"|5870' 'InstallFinalize||6600'
}
