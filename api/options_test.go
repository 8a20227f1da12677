package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api"
	"tillpost/inventory"
)

func TestTheTokenIsReadForEachRequest(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer second" {
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"error":"Invalid token: %s"}`, r.Header.Get("Authorization"))
		}
	}))
	defer s.Close()
	var now string
	var wrong error
	o := options(s.URL)
	o.Token = func() (string, error) { return now, wrong }
	c := open(t, o)
	for _, step := range []struct {
		token string
		err   error
		want  api.Verdict
		words string
	}{
		{"first-token", nil, api.TokenBad, "Invalid token: Bearer [token]"},
		{" second\r\n", nil, api.Acknowledged, ""},
		{"", nil, api.TokenBad, "no token"},
		{" ", nil, api.TokenBad, "no token"},
		{"two\nlines", nil, api.TokenBad, "the token holds characters that a header cannot carry"},
		{"second", errors.New("token: permission denied"), api.TokenBad, "token: permission denied"},
		{"second", nil, api.Acknowledged, ""},
	} {
		now, wrong = step.token, step.err
		if a := c.Post(t.Context(), update); a.Verdict != step.want || a.Words != step.words || a.Doubt {
			t.Errorf("%q: got %v %+v, want %v %q", step.token, a.Verdict, a, step.want, step.words)
		}
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	noPEM := filepath.Join(folder, "empty.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*api.Options)) api.Options {
		o := options("https://api.example.com/api/product/inventory")
		change(&o)
		return o
	}
	url := func(u string) api.Options { return with(func(o *api.Options) { o.URL = u }) }
	for name, c := range map[string]struct {
		options api.Options
		want    string // in the error; empty = none
	}{
		"https":                           {url("https://api.example.com"), ""},
		"http to localhost":               {url("http://localhost:8080/x"), ""},
		"http to a loopback address":      {url("http://127.8.9.10"), ""},
		"http to the IPv6 loopback":       {url("http://[::1]:80"), ""},
		"http to the world":               {url("http://api.example.com"), "in the clear"},
		"http to another address":         {url("http://192.0.2.1"), "in the clear"},
		"http to a look-alike":            {url("http://localhost.example.com"), "in the clear"},
		"http to a look-alike address":    {url("http://127.0.0.1.example.com"), "in the clear"},
		"http to every address":           {url("http://0.0.0.0"), "in the clear"},
		"another scheme":                  {url("ftp://api.example.com"), "https://"},
		"no scheme":                       {url("api.example.com"), "https://"},
		"no host":                         {url("https:///x"), "no host"},
		"a user in the URL":               {url("https://me:hush@api.example.com"), "user or password"},
		"a broken URL":                    {url("https://me:hush@api.example.com:x"), "not a URL"},
		"a fragment":                      {url("https://api.example.com/#x"), "#"},
		"no token":                        {with(func(o *api.Options) { o.Token = nil }), "token"},
		"no time":                         {with(func(o *api.Options) { o.Timeout = 0 }), "timeout"},
		"no connections":                  {with(func(o *api.Options) { o.Connections = 0 }), "connections"},
		"a user agent of two lines":       {with(func(o *api.Options) { o.UserAgent = "a\r\nb" }), "user agent"},
		"a proxy":                         {with(func(o *api.Options) { o.Proxy = "http://me:hush@proxy:3128" }), ""},
		"a SOCKS proxy":                   {with(func(o *api.Options) { o.Proxy = "socks5://proxy:1080" }), ""},
		"a proxy without a scheme":        {with(func(o *api.Options) { o.Proxy = "proxy:3128" }), "proxy"},
		"a proxy of another scheme":       {with(func(o *api.Options) { o.Proxy = "ftp://me:hush@proxy" }), "proxy"},
		"a CA file that is not there":     {with(func(o *api.Options) { o.CAFile = filepath.Join(folder, "none") }), "ca_file"},
		"a CA file that is a folder":      {with(func(o *api.Options) { o.CAFile = folder }), "not a file"},
		"a CA file without a certificate": {with(func(o *api.Options) { o.CAFile = noPEM }), "no certificate"},
	} {
		_, err := api.New(c.options)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v, want no error", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: got %v, which shows the password", name, err)
		}
	}
}

// inProcess serves requests without a network, for time that is not real.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r) // a slow handler waits on r.Context()
	if err := context.Cause(r.Context()); err != nil {
		return nil, err // the client's time-out
	}
	return rec.Result(), nil
}

func TestSimulatedTimeIsTakenForReal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options("https://api.example.com/api/product/inventory")
		o.Timeout = 15 * time.Second
		var takes time.Duration
		o.Transport = inProcess{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(takes):
			case <-r.Context().Done():
			}
		})}
		c := open(t, o)
		takes = 14 * time.Second
		if a := c.Post(t.Context(), update); a.Verdict != api.Acknowledged || a.Took != takes {
			t.Errorf("in time: got %v %+v", a.Verdict, a)
		}
		takes = 16 * time.Second
		if a := c.Post(t.Context(), update); a.Verdict != api.Later || !a.Doubt || a.NoConnection || a.Took != o.Timeout {
			t.Errorf("too late: got %v %+v", a.Verdict, a)
		}
		o.Transport = noNetwork{}
		if a := open(t, o).Post(t.Context(), update); a.Verdict != api.Later || a.Doubt || !a.NoConnection {
			t.Errorf("no network: got %v %+v", a.Verdict, a)
		}
	})
}

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("network is unreachable")}
}

func TestCallsAtTheSameTimeDoNotMixTheirQuantities(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 50
	var mu sync.Mutex
	seen := make(map[string]int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		seen[string(body)]++
		n := len(seen)
		mu.Unlock()
		switch {
		case n%7 == 0:
			panic(http.ErrAbortHandler)
		case n%5 == 0:
			w.WriteHeader(422)
		}
		fmt.Fprintf(w, `{"error":"no: %s"}`, strings.ReplaceAll(string(body), `"`, `'`))
	}))
	defer s.Close()
	c := open(t, options(s.URL))
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := range each {
				q := int64(worker*each + i)
				a := c.Post(t.Context(), inventory.Update{Key: inventory.Key{Store: "3", UPC: "849632048260"}, Quantity: q})
				if a.Verdict == api.Refused && !strings.Contains(a.Words, fmt.Sprintf("'quantity':%d}", q)) {
					t.Errorf("quantity %d: got the answer to another: %q", q, a.Words)
				}
			}
		})
	}
	wg.Wait()
	for q := range workers * each {
		if n := seen[fmt.Sprintf(`{"upc":"849632048260","store":"3","quantity":%d}`, q)]; n != 1 {
			t.Errorf("quantity %d: came %d times, want once", q, n)
		}
	}
}
