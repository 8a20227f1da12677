package api

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
)

const maxCAFile = 4 << 20 // bytes; the roots of a whole operating system take 300 KB

// endpoint checks the API's address. Its errors quote nothing of an address that may hold a password.
func endpoint(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("url: is not a URL")
	case u.User != nil:
		return nil, errors.New("url: must not hold a user or password")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("url: %s: must start with https://", u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("url: %s: names no host", u.Redacted())
	case u.Fragment != "":
		return nil, fmt.Errorf("url: %s: must not hold a #", u.Redacted())
	case u.Scheme == "http" && !thisMachineName(u.Hostname()):
		return nil, fmt.Errorf("url: %s: http would send the token in the clear; it is for this machine's own addresses only, use https", u.Redacted())
	}
	return u, nil
}

// thisMachineName reports whether the host is localhost or one of this machine's own addresses.
func thisMachineName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && thisMachine(ip)
}

func thisMachine(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() {
		return true
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap().WithZone("") == ip {
			return true
		}
	}
	return false
}

// onlyThisMachine is asked before each connection for http, because what `localhost` resolves to, and which addresses
// are this machine's own, can change after New has looked.
func onlyThisMachine(_, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !thisMachine(to.Addr()) {
		return errors.New("http is for this machine's own addresses only")
	}
	return nil
}

// proxyFor returns how the target is reached. What is http stays on this machine and uses no proxy.
func proxyFor(proxy string, target *url.URL) (func(*http.Request) (*url.URL, error), error) {
	switch {
	case target.Scheme == "http":
		return nil, nil
	case proxy == "":
		// The environment is read once in a process, so what is right now stays so. Its error may quote a password.
		if _, err := http.ProxyFromEnvironment(&http.Request{URL: target}); err != nil {
			return nil, errors.New("proxy: the one in the environment is not a URL")
		}
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(proxy)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("proxy: is not a URL such as http://proxy:3128")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return http.ProxyURL(u), nil
	}
	return nil, fmt.Errorf("proxy: %s: must start with http://, https:// or socks5://", u.Redacted())
}

// proxyRefusal is a proxy's answer to the wish to be connected to the API.
type proxyRefusal struct{ status int }

func (e *proxyRefusal) Error() string {
	return "the proxy answers " + statusText(e.status)
}

func refusedByProxy(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyRefusal{answer.StatusCode}
}

// rootCertificates returns the system's root certificates and those of the file; nil, which is the system's, where no
// file is given.
func rootCertificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := readCAFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's root certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s: holds no certificate in PEM form", file)
	}
	return pool, nil
}

func readCAFile(file string) ([]byte, error) {
	info, err := os.Stat(file) // before it is opened: opening a FIFO waits for ever
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxCAFile+1))
	if err == nil && len(pem) > maxCAFile {
		err = fmt.Errorf("%s: is larger than %d MiB", file, maxCAFile>>20)
	}
	return pem, err
}
