package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/api"
	"tillpost/config"
	"tillpost/mockapi"
	"tillpost/outbox"
	"tillpost/watcher"
)

// check runs check and returns what it found by item, or by item and source. What is wrong must say what to do.
func (s *store) check(want int) map[string]finding {
	s.t.Helper()
	out, errs, code := s.run("check", "--json")
	if code != want || errs != "" {
		s.t.Errorf("got %d, %q; want %d and nothing said\n%s", code, errs, want, out)
	}
	if strings.Contains(out, "secret") || strings.Contains(out, "hush") {
		s.t.Errorf("a secret is in the output:\n%s", out)
	}
	found := map[string]finding{}
	for line := range strings.Lines(out) {
		var f finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		if (f.Do == "") != (f.State == itemOK) {
			s.t.Errorf("got %+v, want what to do where it is not ok, and there only", f)
		}
		found[strings.TrimSpace(f.Check+" "+f.Source)] = f
	}
	return found
}

// is looks at one finding.
func is(t *testing.T, found map[string]finding, item, state, words string) {
	t.Helper()
	f, ok := found[item]
	if !ok || f.State != state || !strings.Contains(f.Found, words) {
		t.Errorf("%s: got %+v, want %s with %q", item, f, state, words)
	}
}

// edit changes the store's config.
func (s *store) edit(old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("the config has no %q:\n%s", old, text)
	}
	s.write("tillpost.yaml", strings.Replace(string(text), old, new, 1))
}

func TestCheckAsksTheRunningAgent(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,849632040011,0\n")
	_, _, stop := start(t, "run", "--config", s.config)
	delivered := func() bool {
		status, ok := s.status()
		return ok && status.State == "running" && status.Delivered == 2 && status.Pending == 0
	}
	eventually(t, "the export is delivered", delivered)
	found := s.check(statusDone)
	for item, f := range found {
		if f.State != itemOK {
			t.Errorf("%s: got %+v, want ok", item, f)
		}
	}
	is(t, found, "agent", itemOK, fmt.Sprintf("running, process %d", os.Getpid()))
	is(t, found, "outbox", itemOK, "verified: 2 stock figures known, 0 updates to send")
	is(t, found, "export main", itemOK, "stock.csv: 2 rows, 2 updates, 0 rejects")

	s.edit("{name: main,", "{name: later, folder: pos}\n  - {name: main,")
	is(t, s.check(statusDone), "folder later", itemWarning, "does not know this source yet")
	if err := os.Rename(filepath.Join(s.dir, "token"), filepath.Join(s.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	found = s.check(statusDone)
	is(t, found, "token", itemWarning, "the running agent has one")
	is(t, found, "api", itemOK, "wants a token (401")
	s.write("token", "secret\n")

	if err := os.Rename(filepath.Join(s.dir, "pos"), filepath.Join(s.dir, "away")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the agent misses the folder", func() bool {
		status, ok := s.status()
		return ok && status.Sources[0].State != "ok"
	})
	found = s.check(statusFailed)
	is(t, found, "folder main", itemFailed, "the running agent says: folder missing: it does not exist")
	is(t, found, "export main", itemOK, "the last one, stock.csv, was taken")

	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,11\n3,849632040011,0\n")
	s.api.SetToken("another")
	eventually(t, "the agent pauses by itself", func() bool {
		status, ok := s.status()
		return ok && status.State == "paused"
	})
	found = s.check(statusFailed)
	is(t, found, "agent", itemWarning, "of the API it says: ")
	is(t, found, "api", itemFailed, "does not take the token: 401")
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d after it was stopped, want 0", code)
	}
	is(t, s.check(statusFailed), "agent", itemWarning, "not running, and 1 update to send")
}

func TestCheckOfAnAgentThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,0\n")
	box, err := outbox.Open(filepath.Join(s.dir, "data"), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	found := s.check(statusFailed)
	is(t, found, "agent", itemFailed, "does not answer")
	is(t, found, "api", itemOK, "takes the token")
	if f, ok := found["outbox"]; ok {
		t.Errorf("got %+v, want nothing of an outbox that nobody could look at", f)
	}
}

func TestCheckOfTheLog(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,0\n")
	if _, ok := s.check(statusDone)["log"]; ok {
		t.Error("got something of a log that is not in the config")
	}
	s.edit("sources:", "log: {file: logs/till.log}\nsources:")
	is(t, s.check(statusDone), "log", itemOK, "can be written to")
	s.edit("logs/till.log", "tillpost.yaml/till.log")
	is(t, s.check(statusFailed), "log", itemFailed, "is not a folder")
}

func TestCheckOfWhatTheAPIAnswers(t *testing.T) {
	t.Parallel()
	answer := func(status int, header, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const complaint = `{"error":"Missing required field: sku"}`
	for _, c := range []struct {
		name   string
		serve  http.HandlerFunc
		status int
		item   string
		state  string
		words  string
	}{
		{"it quotes the token", answer(401, "X", "", `{"error":"Invalid token secret"}`), statusFailed, "api", itemFailed, "Invalid token [token]"},
		{"it forbids", answer(403, "X", "", ""), statusFailed, "api", itemFailed, "does not take the token: 403 Forbidden"},
		{"a login page", answer(200, "Content-Type", "text/html", "<html><title>Guest Wi-Fi</title>"), statusFailed, "api", itemFailed, "Guest Wi-Fi"},
		{"a redirect", answer(302, "Location", "https://elsewhere.example/", ""), statusFailed, "api", itemFailed, "points to https://elsewhere.example/"},
		{"an outage", answer(503, "X", "", ""), statusDone, "api", itemWarning, "in trouble: 503 Service Unavailable"},
		{"too many requests", answer(429, "X", "", ""), statusDone, "api", itemWarning, "in trouble: 429"},
		{"an empty update is taken", answer(200, "X", "", "{}"), statusDone, "api", itemWarning, "answers 200 to an empty update"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, statusFailed, "api", itemFailed, "no answer within 500ms"},
		{"a clock a day off", answer(400, "Date", time.Now().Add(-24*time.Hour).UTC().Format(http.TimeFormat), complaint), statusDone, "clock", itemWarning, "24 h ahead of the API's"},
		{"one that is behind", answer(400, "Date", time.Now().Add(72*time.Hour).UTC().Format(http.TimeFormat), complaint), statusDone, "clock", itemWarning, "behind the API's"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,0\n")
			server := httptest.NewServer(c.serve)
			t.Cleanup(server.Close)
			s.write("tillpost.yaml", fmt.Sprintf("api: {url: %q, token_file: token, timeout: 500ms}\ndata_dir: data\nsources: [{name: main, folder: pos}]\n", server.URL))
			is(t, s.check(c.status), c.item, c.state, c.words)
		})
	}
}

func TestCheckOfTheWayToTheAPI(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	t.Cleanup(proxy.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "https://" + l.Addr().String()
	_ = l.Close()
	through := strings.Replace(proxy.URL, "://", "://me:hush@", 1)
	for _, c := range []struct{ name, url, proxy, item, words string }{
		{"an unknown issuer is named", secure.URL, "", "tls", "issued by Acme Co,"},
		{"a dead port", dead, "", "connection", "connection refused"},
		{"a name that nobody has", "https://tillpost-test.invalid", "", "name", "tillpost-test.invalid"},
		{"a proxy that wants a password", "https://192.0.2.1", through, "proxy", proxy.URL + ": the proxy answers 407"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,0\n")
			s.write("tillpost.yaml", fmt.Sprintf("api: {url: %q, token_file: token, proxy: %q}\ndata_dir: data\nsources: [{name: main, folder: pos}]\n", c.url, c.proxy))
			found := s.check(statusFailed)
			is(t, found, c.item, itemFailed, c.words)
			for _, later := range []string{"api", "clock"} {
				if f, ok := found[later]; ok {
					t.Errorf("got %+v, which nobody can have looked at", f)
				}
			}
			is(t, found, "outbox", itemOK, "none yet")
		})
	}
}

func TestCheckNamesWhoIssuedACertificateThatHolds(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,0\n")
	secure := httptest.NewTLSServer(s.api)
	t.Cleanup(secure.Close)
	s.write("root.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})))
	s.write("tillpost.yaml", fmt.Sprintf("api: {url: %q, token_file: token, ca_file: root.pem}\ndata_dir: data\nsources: [{name: main, folder: pos}]\n", secure.URL))
	found := s.check(statusDone)
	is(t, found, "tls", itemOK, "TLS 1.3, with a certificate issued by Acme Co")
	is(t, found, "api", itemOK, "takes the token")
}

func TestCheckOfTheNewestExport(t *testing.T) {
	t.Parallel()
	many := func(quantity string) string {
		var b strings.Builder
		b.WriteString("Store,UPC,Qty\n")
		for i := range manyRows {
			fmt.Fprintf(&b, "3,%s,%d\n", upc(i), i+1)
		}
		fmt.Fprintf(&b, "3,%s,%s\n", upc(manyRows), quantity)
		return b.String()
	}
	for _, c := range []struct {
		name, text string
		status     int
		state      string
		words      string
	}{
		{"not one row says 0", many("7"), statusDone, itemWarning, "51 rows, 51 updates, 0 rejects, and not one of them says 0"},
		{"one row says 0", many("0"), statusDone, itemOK, "51 rows"},
		{"every second row is no good", "Store,UPC,Qty\n3,849632048260,0\n3,849632048260,x\n", statusDone, itemWarning, "1 reject"},
		{"no row is any good", "Store,UPC,Qty\n3,849632048260,x\n", statusFailed, itemFailed, "not one of its rows is an update"},
		{"no store", "UPC,Qty\n849632048260,0\n", statusFailed, itemFailed, "would be refused"},
		{"it quotes the token", "secret,secret\n1,2\n", statusFailed, itemFailed, "[the token]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, mockapi.Options{})
			hour := time.Now().Add(-time.Hour)
			if err := os.Chtimes(s.write("pos/older.csv", "no export\n"), hour, hour); err != nil {
				t.Fatal(err)
			}
			s.write("pos/stock.csv", c.text)
			is(t, s.check(c.status), "export main", c.state, c.words)
		})
	}
}

func TestCheckOfFolders(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	future := time.Now().Add(3 * time.Hour)
	if err := os.Chtimes(s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,3\n"), future, future); err != nil {
		t.Fatal(err)
	}
	is(t, s.check(statusDone), "folder main", itemWarning, "stock.csv is dated 2 h in the future")
	s.write("not-a-folder", "x")
	s.edit("folder: pos,", "folder: pos, after: archive, archive: {folder: not-a-folder},")
	is(t, s.check(statusFailed), "folder main", itemFailed, "nothing can be archived in")
	s.edit("archive: {folder: not-a-folder}", "archive: {folder: put/away}")
	is(t, s.check(statusDone), "folder main", itemWarning, "in the future")
	left, err := filepath.Glob(filepath.Join(s.dir, "*", ".tillpost*"))
	if _, made := os.Stat(filepath.Join(s.dir, "put")); err != nil || len(left) > 0 || !errors.Is(made, fs.ErrNotExist) {
		t.Errorf("got %v, %v, %v; want nothing left behind", left, err, made)
	}
	if out, errs, code := s.run("sync", "--timeout", "20s"); code != statusDone {
		t.Fatalf("sync: got %d, %q, %q", code, out, errs)
	}
	found := s.check(statusDone)
	is(t, found, "folder main", itemOK, "no export waits there")
	is(t, found, "export main", itemOK, "the last one, stock.csv, was taken")
}

func TestCheckOfADataFolderThatCannotBeWrittenTo(t *testing.T) { // D14
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,0\n")
	if runtime.GOOS == "linux" { // there not even an administrator can make a file
		s.edit("data_dir: data", "data_dir: /sys/tillpost")
		is(t, s.check(statusFailed), "data", itemFailed, "cannot write there: ")
		s.edit("data_dir: /sys/tillpost", "data_dir: data")
	}
	s.edit("data_dir: data", "data_dir: token/data")
	is(t, s.check(statusFailed), "data", itemFailed, "")
}

func TestCheckOfDisksAndShares(t *testing.T) {
	t.Parallel()
	u := &checkup{conf: &config.Config{DataDir: `C:\ProgramData\tillpost`}, account: "me"}
	s := config.Source{Folder: `Z:\Export`, After: "keep"}
	mapped := folder{place: place{nearest: s.Folder, Disk: outbox.Disk{Share: "Z:", Mapped: "Z:"}}}
	mapped.Look = watcher.Look{At: time.Now(), Files: []watcher.File{{Name: "a.csv", Stat: watcher.Stat{Modified: time.Now().UnixNano()}}}}
	share := mapped
	share.Disk = outbox.Disk{Share: `\\server\share`}
	for _, c := range []struct {
		name  string
		got   finding
		state string
		words string
	}{
		{"a data folder on a share", u.dataFound(place{nearest: u.conf.DataDir, Disk: outbox.Disk{Share: "nfs"}}), itemFailed, "network share (nfs)"},
		{"a full disk", u.dataFound(place{nearest: u.conf.DataDir, writeErr: &fs.PathError{Op: "write", Path: "x", Err: errors.New("no space left")}}), itemFailed, "me cannot write there: no space left"},
		{"much room", roomOf(place{nearest: `C:\`, Disk: outbox.Disk{Free: 5 << 30}}), itemOK, `5,120 MB free where C:\ lies`},
		{"little room", roomOf(place{Disk: outbox.Disk{Free: lowDisk - 1}}), itemWarning, "499 MB free"},
		{"no room", roomOf(place{Disk: outbox.Disk{Free: 1 << 20}}), itemFailed, "1 MB free"},
		{"a disk that tells nothing", roomOf(place{diskErr: errors.New("no idea")}), itemWarning, "no idea"},
		{"a drive letter of a session", u.folderFound(s, mapped, nil), itemWarning, "the drive Z: is a network share"},
		{"one that the running agent sees", u.folderOfAgent(s, mapped, &agent.SourceStatus{State: "ok"}), itemOK, "on a network share (Z:): 1 export"},
		{"a share by its own name", u.folderFound(s, share, nil), itemOK, `on a network share (\\server\share): 1 export`},
		{"a folder that is the agent's alone", u.folderOfAgent(s, folder{err: fs.ErrPermission}, &agent.SourceStatus{State: "ok"}), itemOK, "the running agent reads it, though me cannot"},
		{"one that only the agent cannot read", u.folderOfAgent(s, share, &agent.SourceStatus{State: "folder missing", Problem: "permission denied"}), itemFailed, "folder missing: permission denied"},
		{"a proxy of this account alone", u.proxyFound(api.Probe{Proxy: "http://proxy:3128"}), itemWarning, "from this account's environment"},
		{"a certificate that ends soon", u.tlsFound(api.Probe{TLS: "TLS 1.3", Certificate: &api.Certificate{Issuer: "X", NotAfter: time.Now().Add(time.Hour)}}), itemWarning, "expires on"},
	} {
		if c.got.State != c.state || !strings.Contains(c.got.Found, c.words) || (c.got.Do == "") != (c.state == itemOK) {
			t.Errorf("%s: got %+v, want %s with %q", c.name, c.got, c.state, c.words)
		}
	}
	d, err := outbox.DiskOf(t.TempDir())
	if err != nil || d.Free == 0 || d.Mapped != "" {
		t.Errorf("got %+v, %v; want a disk with room", d, err)
	}
}

func TestWhatNeverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	defer close(answer)
	got, ok := within(t.Context(), 10*time.Millisecond, func(context.Context) int { <-answer; return 1 })
	if ok || got != 0 {
		t.Errorf("got %d, %t; want nothing", got, ok)
	}
	if got, ok := within(t.Context(), time.Minute, func(context.Context) int { return 1 }); !ok || got != 1 {
		t.Errorf("got %d, %t; want 1", got, ok)
	}
}

func TestCheckThatIsInterruptedSaysSo(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the test is over"))
	var out, errs bytes.Buffer
	if code := execute(ctx, []string{"check", "--config", s.config}, &out, &errs); code != statusFailed || !strings.Contains(errs.String(), "the test is over") || strings.Contains(out.String(), itemFailed) {
		t.Errorf("got %d, %q, %q; want 1, why it ended, and nothing that is called failed", code, out.String(), errs.String())
	}
}
