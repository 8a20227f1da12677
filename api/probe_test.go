package api_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tillpost/api"
)

func TestAProbeChangesNothingAndTellsOfTheWholeWay(t *testing.T) {
	t.Parallel()
	root := newAuthority(t)
	until := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); string(body) != "{}" || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer "+token {
			t.Errorf("got %s %s with %v, want a POST of {} with the token", r.Method, body, r.Header)
		}
		w.WriteHeader(400)
		io.WriteString(w, `{"error":"Missing required field: sku"}`)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{root.sign(t, "", time.Now().Add(-time.Hour), until)}, MaxVersion: tls.VersionTLS12}
	s.StartTLS()
	defer s.Close()
	o := options(s.URL)
	o.CAFile = root.file
	c := open(t, o)
	for range 2 { // the second one connects anew too
		p := c.Probe(t.Context())
		host := s.Listener.Addr().String()
		if p.Ended != api.Arrived || !p.Complains || p.WithoutToken || p.Answer.Verdict != api.Refused || p.Answer.Words != "Missing required field: sku" {
			t.Errorf("got %+v, want a complaint about a field", p)
		}
		if p.Proxy != "" || p.Peer != host || p.Connected != host || len(p.Addresses) > 0 || p.TLS != "TLS 1.2" {
			t.Errorf("got %+v, want the way to %s", p, host)
		}
		if cert := p.Certificate; cert == nil || cert.Issuer != "Made-up Trust Test Root" || !cert.NotAfter.Equal(until) || cert.Unknown || cert.OtherName {
			t.Errorf("got the certificate %+v", cert)
		}
		if !p.Dated || p.Skew.Abs() > time.Second {
			t.Errorf("got a clock that is ahead by %v (%t), want none", p.Skew, p.Dated)
		}
	}
}

func TestWhatAProbeSaysOfAnAnswer(t *testing.T) {
	t.Parallel()
	const missing, page = `{"error":"Missing required field: sku"}`, "<!DOCTYPE html><title>Sign in</title>"
	for _, c := range []struct {
		name, body string
		status     int
		verdict    api.Verdict
		complains  bool
	}{
		{"a complaint about fields", missing, 400, api.Refused, true},
		{"one with 422", `{"errors":["store is required"]}`, 422, api.Refused, true},
		{"one with 200", `{"success":false,"error":"quantity must be a number"}`, 200, api.Refused, true},
		{"one with 404", missing, 404, api.Refused, true},
		{"an unknown product", `{"error":"Unknown sku"}`, 404, api.Refused, true},
		{"an unknown path", `{"error":"Not Found"}`, 404, api.Refused, false},
		{"a method that is not allowed", `{"error":"Method Not Allowed"}`, 405, api.Refused, false},
		{"an empty update is taken", `{}`, 200, api.Acknowledged, false},
		{"no token", `{"error":"Missing token"}`, 400, api.TokenBad, false},
		{"a wrong token", `{"error":"Invalid token"}`, 401, api.TokenBad, false},
		{"a token without the right", `{}`, 403, api.TokenBad, false},
		{"a web server that knows no such path", page, 404, api.NotOurAPI, false},
		{"a login page", page, 200, api.NotOurAPI, false},
		{"a redirect", ``, 302, api.NotOurAPI, false},
		{"too many requests", ``, 429, api.Later, false},
		{"an outage", `oops`, 500, api.Later, false},
	} {
		raw := fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\nLocation: https://elsewhere.example/\r\n\r\n%s", c.status, len(c.body), c.body)
		p := open(t, options(listen(t, answering(raw)))).Probe(t.Context())
		if p.Ended != api.Arrived || p.Answer.Status != c.status || p.Answer.Verdict != c.verdict || p.Complains != c.complains || p.Dated {
			t.Errorf("%s: got %+v, want %v, complains %t", c.name, p, c.verdict, c.complains)
		}
	}
}

func TestAProbeComparesTheClocks(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-24 * time.Hour, 24 * time.Hour, 3 * time.Minute} {
		date := time.Now().Add(-ahead).UTC().Format(http.TimeFormat)
		p := open(t, options(listen(t, answering("HTTP/1.1 401 X\r\nContent-Length: 0\r\nDate: "+date+"\r\n\r\n")))).Probe(t.Context())
		if !p.Dated || (p.Skew-ahead).Abs() > 5*time.Second {
			t.Errorf("got %v (%t), want about %v", p.Skew, p.Dated, ahead)
		}
	}
}

func TestAProbeNamesTheStepThatFailed(t *testing.T) {
	t.Parallel()
	root := newAuthority(t)
	yesterday, tomorrow := time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour)
	good := root.sign(t, "", yesterday, tomorrow)
	serve := func(config *tls.Config) string { url, _ := serveTLS(t, config); return url }
	with := func(cert tls.Certificate) string { return serve(&tls.Config{Certificates: []tls.Certificate{cert}}) }
	secure := func(serve func(net.Conn, *bufio.Reader)) string {
		return "https" + strings.TrimPrefix(listen(t, serve), "http")
	}
	hang := func(_ net.Conn, in *bufio.Reader) { io.Copy(io.Discard, in) }
	dead := "https" + strings.TrimPrefix(deadPort(t), "http")
	refusing := listen(t, answering("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))
	for _, c := range []struct {
		name, url, proxy string
		noRoot           bool
		step             api.Step
		words            string
		cert             api.Certificate // but for its times
	}{
		{"a name that nobody has", "https://tillpost-test.invalid", "", false, api.AtName, "tillpost-test.invalid", api.Certificate{}},
		{"a dead port", dead, "", false, api.AtConnection, "no connection to 127.0.0.1:", api.Certificate{}},
		{"an unknown root", with(good), "", true, api.AtTLS, "issued by Made-up Trust Test Root", api.Certificate{Issuer: "Made-up Trust Test Root", Unknown: true}},
		{"another's name", with(root.sign(t, "portal.example", yesterday, tomorrow)), "", false, api.AtTLS, "another name", api.Certificate{Issuer: "Made-up Trust Test Root", OtherName: true}},
		{"an expired certificate", with(root.sign(t, "", yesterday.Add(-time.Hour), yesterday)), "", false, api.AtTLS, "this machine's clock says", api.Certificate{Issuer: "Made-up Trust Test Root"}},
		{"one that is not valid yet", with(root.sign(t, "", tomorrow, tomorrow.Add(time.Hour))), "", false, api.AtTLS, "valid only from", api.Certificate{Issuer: "Made-up Trust Test Root"}},
		{"TLS 1.0", serve(&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}), "", false, api.AtTLS, "version", api.Certificate{}},
		{"no TLS", secure(answeringAtOnce("HTTP/1.1 200 OK\r\n\r\n")), "", false, api.AtTLS, "answers without TLS", api.Certificate{}},
		{"nothing where TLS should be", secure(answeringAtOnce("")), "", false, api.AtTLS, "closed without an answer", api.Certificate{}},
		{"a TLS handshake that hangs", secure(hang), "", false, api.AtTLS, "no connection within 300ms", api.Certificate{}},
		{"an API that hangs", listen(t, hang), "", false, api.AtAnswer, "no answer within 300ms", api.Certificate{}},
		{"an API that hangs up", listen(t, answering("")), "", false, api.AtAnswer, "closed without an answer", api.Certificate{}},
		{"a proxy that wants a password", "https://192.0.2.1", refusing, false, api.AtProxy, "the proxy answers 407", api.Certificate{}},
		{"a proxy that hangs", "https://192.0.2.1", listen(t, hang), false, api.AtProxy, "no connection within 300ms", api.Certificate{}},
		{"a proxy that is gone", "https://192.0.2.1", deadPort(t), false, api.AtConnection, "no connection to the proxy", api.Certificate{}},
		{"a proxy that nobody knows", "https://192.0.2.1", "http://tillpost-test.invalid:3128", false, api.AtName, "tillpost-test.invalid", api.Certificate{}},
		{"a proxy whose certificate does not hold", "https://192.0.2.1", with(good), true, api.AtProxy, "the certificate of the proxy, issued by Made-up Trust", api.Certificate{}},
		{"a SOCKS proxy that is none", "https://192.0.2.1", "socks5" + strings.TrimPrefix(listen(t, answeringAtOnce("no")), "http"), false, api.AtProxy, "socks", api.Certificate{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options(c.url)
			o.Proxy = strings.Replace(c.proxy, "://", "://me:hush@", 1)
			if strings.Contains(c.name, "hangs") {
				o.Timeout = 300 * time.Millisecond
			}
			if !c.noRoot {
				o.CAFile = root.file
			}
			p := open(t, o).Probe(t.Context())
			if p.Ended != c.step || p.Complains || !strings.Contains(p.Answer.Words, c.words) || p.TLS != "" {
				t.Errorf("got %+v, want step %d and words with %q", p, c.step, c.words)
			}
			var cert api.Certificate
			if p.Certificate != nil {
				cert = *p.Certificate
				cert.NotBefore, cert.NotAfter = time.Time{}, time.Time{}
			}
			if cert != c.cert {
				t.Errorf("got the certificate %+v, want %+v", cert, c.cert)
			}
			if p.Proxy != c.proxy || c.proxy != "" && !strings.HasSuffix(c.proxy, p.Peer) || strings.Contains(fmt.Sprint(p), "hush") {
				t.Errorf("got %+v, want the proxy %s without its password", p, c.proxy)
			}
		})
	}
}

// deadPort is the URL of a port on which nobody listens.
func deadPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestAProbeWithoutATokenSendsNone(t *testing.T) {
	t.Parallel()
	o := options(listen(t, func(conn net.Conn, in *bufio.Reader) {
		if r, err := http.ReadRequest(in); err != nil || r.Header["Authorization"] != nil {
			t.Errorf("got %+v, %v; want no token", r, err)
		}
		io.WriteString(conn, "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n")
	}))
	o.Token = func() (string, error) { return "", errors.New("none") }
	if p := open(t, o).Probe(t.Context()); !p.WithoutToken || p.Answer.Verdict != api.TokenBad {
		t.Errorf("got %+v, want that the API wants a token", p)
	}
}

func TestAProbeQuotesNoToken(t *testing.T) {
	t.Parallel()
	body := `{"error":"Invalid token ` + token + `"}`
	raw := fmt.Sprintf("HTTP/1.1 401 X\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	p := open(t, options(listen(t, answering(raw)))).Probe(t.Context())
	if !strings.Contains(p.Answer.Words, "Invalid token") || strings.Contains(fmt.Sprint(p), token) {
		t.Errorf("got %+v, want the words without the token", p)
	}
}
