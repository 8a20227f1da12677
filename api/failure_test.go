package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestNetworkFailuresReadPlainly(t *testing.T) {
	t.Parallel()
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: err} }
	for want, err := range map[string]error{
		"the name api.example.com has no address":                           dial(&net.DNSError{Name: "api.example.com", Err: "no such host", IsNotFound: true}),
		"the address of api.example.com: the name server does not answer":   dial(&net.DNSError{Name: "api.example.com", Err: "i/o timeout", IsTimeout: true}),
		"the address of api.example.com: server misbehaving":                dial(&net.DNSError{Name: "api.example.com", Err: "server misbehaving"}),
		"no connection to 192.0.2.1:443: connection refused":                dial(os.NewSyscallError("connect", errors.New("connection refused"))),
		"no connection to 192.0.2.1:443 within 5s":                          dial(os.ErrDeadlineExceeded),
		"no connection to the proxy: connection refused":                    &net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial(errors.New("connection refused"))},
		"the connection was closed without an answer":                       fmt.Errorf("read: %w", io.EOF),
		"the connection was broken off without an answer":                   &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"TLS handshake timeout":                                             errors.New("net/http: TLS handshake timeout"),
		"server response headers exceeded 65536 bytes; aborted":             errors.New("net/http: server response headers exceeded 65536 bytes; aborted"),
		"socks connect tcp 127.0.0.1:1->192.0.2.1:443: host is unreachable": errors.New("socks connect tcp 127.0.0.1:1->192.0.2.1:443: host is unreachable"),
	} {
		if got := networkFailure(err); got != want {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
	}
}

func TestHTTPConnectsToThisMachineOnly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"192.0.2.1:80": false, "[2001:db8::1]:80": false, "localhost:80": false, "": false,
	} {
		if err := onlyThisMachine("tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: got %v, want allowed %v", address, err, want)
		}
	}
}
