//go:build !windows

package cli

// systemProxies are the proxies that the system has set besides the environment's, which tillpost uses: none.
func systemProxies() []string { return nil }
