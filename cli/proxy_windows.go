package cli

import (
	"encoding/binary"
	"net/url"

	"golang.org/x/sys/windows/registry"
)

const internetSettings = `SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings`

// systemProxies are the proxies that Windows has set, for this account and for the computer, without passwords.
func systemProxies() (list []string) {
	if k, err := registry.OpenKey(registry.CURRENT_USER, internetSettings, registry.QUERY_VALUE); err == nil {
		defer k.Close()                              // it is only read
		on, _, _ := k.GetIntegerValue("ProxyEnable") // 0 where it is not there
		if server, _, err := k.GetStringValue("ProxyServer"); err == nil && on == 1 && server != "" {
			list = append(list, bare(server)+" (this account's)")
		}
		if script, _, err := k.GetStringValue("AutoConfigURL"); err == nil && script != "" {
			list = append(list, "by the script "+bare(script)+" (this account's)")
		}
	}
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, internetSettings+`\Connections`, registry.QUERY_VALUE); err == nil {
		defer k.Close() // it is only read
		if data, _, err := k.GetBinaryValue("WinHttpSettings"); err == nil {
			if server := winHTTPProxy(data); server != "" {
				list = append(list, bare(server)+" (the computer's)")
			}
		}
	}
	return list
}

// winHTTPProxy is the proxy in what `netsh winhttp` keeps: three numbers of 32 bits, the last of them the kind (2 = there is a
// proxy), then a text behind its length.
func winHTTPProxy(data []byte) string {
	if len(data) < 16 || binary.LittleEndian.Uint32(data[8:])&2 == 0 {
		return ""
	}
	n := binary.LittleEndian.Uint32(data[12:])
	if uint64(n) > uint64(len(data)-16) {
		return ""
	}
	return string(data[16 : 16+n])
}

// bare is an address without a password that may be in it.
func bare(address string) string {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		return u.Redacted()
	}
	return address
}
