package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/api"
)

// authority signs certificates; its own lies in file.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Root", Organization: []string{"Made-up Trust"}},
		NotBefore: time.Now().Add(-10 * 24 * time.Hour), NotAfter: time.Now().Add(10 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, file}
}

// sign returns a certificate for the name or, where it is empty, 127.0.0.1.
func (a *authority) sign(t *testing.T, name string, from, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: until}
	if name != "" {
		template.DNSNames = []string{name}
	} else {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serveTLS counts the requests that get through.
func serveTLS(t *testing.T, config *tls.Config) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.ProtoMajor != 1 {
			t.Errorf("got %s, want HTTP/1.1", r.Proto)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.EnableHTTP2 = true
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, requests
}

func TestTLSThatDoesNotHoldSendsNothing(t *testing.T) { // A7, A17, C2, H10, H11
	t.Parallel()
	root := newAuthority(t)
	yesterday, tomorrow := time.Now().Add(-24*time.Hour), time.Now().Add(24*time.Hour)
	good := root.sign(t, "", yesterday, tomorrow)
	for _, c := range []struct {
		name   string
		config *tls.Config
		caFile string
		want   api.Verdict
		words  []string
	}{
		{"a certificate that holds", &tls.Config{Certificates: []tls.Certificate{good}}, root.file, api.Acknowledged, nil},
		{"an unknown root", &tls.Config{Certificates: []tls.Certificate{good}}, "", api.NotOurAPI,
			[]string{"127.0.0.1", "Made-up Trust Test Root", "does not know", "ca_file"}},
		{"another's name", &tls.Config{Certificates: []tls.Certificate{root.sign(t, "portal.example", yesterday, tomorrow)}}, root.file, api.NotOurAPI,
			[]string{"127.0.0.1", "Made-up Trust Test Root", "another name"}},
		{"expired", &tls.Config{Certificates: []tls.Certificate{root.sign(t, "", yesterday.Add(-24*time.Hour), yesterday)}}, root.file, api.NotOurAPI,
			[]string{"Made-up Trust Test Root", "expired on " + yesterday.UTC().Format("2006-01-02"), "this machine's clock says " + time.Now().UTC().Format("2006-01-")}},
		{"not yet valid", &tls.Config{Certificates: []tls.Certificate{root.sign(t, "", tomorrow, tomorrow.Add(time.Hour))}}, root.file, api.NotOurAPI,
			[]string{"valid only from " + tomorrow.UTC().Format("2006-01-02"), "this machine's clock says"}},
		{"TLS 1.0", &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, root.file, api.NotOurAPI,
			[]string{"TLS with 127.0.0.1", "version"}},
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, root.file, api.NotOurAPI,
			[]string{"TLS with 127.0.0.1", "version"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url, requests := serveTLS(t, c.config)
			o := options(url)
			o.CAFile = c.caFile
			a := open(t, o).Post(t.Context(), update)
			if a.Verdict != c.want || a.Doubt || a.NoConnection != (c.want != api.Acknowledged) {
				t.Errorf("got %v %+v, want %v, no doubt", a.Verdict, a, c.want)
			}
			for _, w := range c.words {
				if !strings.Contains(a.Words, w) {
					t.Errorf("got %q, want words with %q", a.Words, w)
				}
			}
			if got := requests.Load() == 1; got != (c.want == api.Acknowledged) {
				t.Errorf("got %d requests", requests.Load())
			}
		})
	}
}

func TestAServerWithoutTLSIsNotOurAPI(t *testing.T) { // A7
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, address := range map[string]string{
		"answers without TLS": plain.Listener.Addr().String(),
		"is not TLS":          strings.TrimPrefix(listen(t, answeringAtOnce("220 mail.example ESMTP\r\n")), "http://"),
	} {
		a := open(t, options("https://"+address)).Post(t.Context(), update)
		if a.Verdict != api.NotOurAPI || a.Doubt || !strings.Contains(a.Words, name) {
			t.Errorf("%s: got %v %+v", name, a.Verdict, a)
		}
	}
}

func TestANetworkThatFailsDuringTheHandshakeIsForLater(t *testing.T) {
	t.Parallel()
	url := listen(t, answeringAtOnce(""))
	a := open(t, options("https://"+strings.TrimPrefix(url, "http://"))).Post(t.Context(), update)
	if a.Verdict != api.Later || a.Doubt || !a.NoConnection {
		t.Errorf("got %v %+v, want later, no doubt", a.Verdict, a)
	}
}
