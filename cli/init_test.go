package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/config"
	"tillpost/mockapi"
)

const initToken = "tok-SECRET-0123456789"

// place is where init works, with an API.
type initPlace struct {
	t      *testing.T
	dir    string
	config string
	url    string
	asked  atomic.Int64 // requests that the API got
}

func newInitPlace(t *testing.T) *initPlace {
	t.Helper()
	p := &initPlace{t: t, dir: t.TempDir()}
	api := mockapi.New(mockapi.Options{Token: initToken})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url, p.config = server.URL, filepath.Join(p.dir, "etc", "tillpost.yaml")
	p.write("given", " "+initToken+"\r\n")
	p.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n7,849632040011,0\n")
	return p
}

// write writes a file below the place's folder, and answers its path.
func (p *initPlace) write(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// flags fill the words of a command in: $URL, $DIR.
func (p *initPlace) flags(words ...string) (args []string) {
	for _, word := range words {
		args = append(args, strings.NewReplacer("$URL", p.url, "$DIR", p.dir).Replace(word))
	}
	return args
}

// init runs the command in the way of a script, and looks that no token is told.
func (p *initPlace) init(words ...string) (out, errs string, status int) {
	p.t.Helper()
	out, errs, status = runIn(p.t.Context(), p.flags(append([]string{"init", "--config", p.config}, words...)...)...)
	if strings.Contains(out+errs, "SECRET") {
		p.t.Errorf("%q: got %q, %q; want nothing of the token", words, out, errs)
	}
	return out, errs, status
}

// nothing fails where anything was written.
func (p *initPlace) nothing(what string) {
	p.t.Helper()
	for _, name := range []string{"tillpost.yaml", "token"} {
		if _, err := os.Stat(filepath.Join(p.dir, "etc", name)); err == nil {
			p.t.Errorf("%s: %s was written", what, name)
		}
	}
}

func (p *initPlace) load() *config.Config {
	p.t.Helper()
	c, err := config.Load(p.config)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, read(p.t, p.config))
	}
	return c
}

func TestInitWritesAConfigThatDelivers(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	out, errs, status := p.init("--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given", "--data-dir", "$DIR/data",
		"--line", "settle: 10ms", "--line", "settle_last: 10ms")
	if status != statusDone || !strings.Contains(out, "takes the token") || !strings.Contains(out, "2 rows: 2 updates") || !strings.Contains(errs, "still holds the token") {
		t.Fatalf("got %d, %q, %q", status, out, errs)
	}
	for name, mode := range map[string]os.FileMode{"etc": 0o755, "etc/tillpost.yaml": 0o644, "etc/token": 0o600} {
		about, err := os.Stat(filepath.Join(p.dir, filepath.FromSlash(name)))
		if err != nil || runtime.GOOS != "windows" && about.Mode().Perm() != mode {
			t.Errorf("%s: got %v, %v; want the mode %v", name, about, err, mode)
		}
	}
	if left, err := filepath.Glob(filepath.Join(p.dir, "etc", ".*")); len(left) > 0 {
		t.Errorf("got %v, %v; want nothing left beside them", left, err)
	}
	if out, errs, status := runIn(t.Context(), "sync", "--config", p.config, "--timeout", "30s"); status != statusDone {
		t.Errorf("sync with that config: got %d, %q, %q", status, out, errs)
	}
	if out, errs, status := runIn(t.Context(), "check", "--config", p.config); status != statusDone {
		t.Errorf("check with that config: got %d, %q, %q", status, out, errs)
	}
}

func TestInitNamesTheFlagThatIsMissingOrWrong(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	for name, test := range map[string]struct {
		words []string
		want  []string
	}{
		"nothing is said":                   {nil, []string{"--url, --folder, --token-file: missing"}},
		"no token":                          {[]string{"--url", "$URL", "--folder", "$DIR/pos"}, []string{"error: --token-file: missing"}},
		"no folder":                         {[]string{"--url", "$URL", "--token-file", "$DIR/given"}, []string{"error: --folder: missing"}},
		"a URL without its scheme":          {[]string{"--url", "api.example.com"}, []string{"--url: the value does not begin with http"}},
		"a URL that shows the token":        {[]string{"--url", "http://api.example.com", "--folder", "pos"}, []string{"--url: ", "would show the token to the network"}},
		"a token that is none":              {[]string{"--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/pos/stock.csv"}, []string{"holds more than one line"}},
		"no token file":                     {[]string{"--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/none"}, []string{"none: no such file"}},
		"an unknown field":                  {[]string{"--columns", "price=Price"}, []string{"--columns: columns.price unknown key"}},
		"no = in a store":                   {[]string{"--stores", "Main Street"}, []string{"--stores: \"Main Street\" is not two words"}},
		"an unknown word":                   {[]string{"--missing", "maybe", "--after", "burn", "--preset", "none"}, []string{"--missing: ", "--after: ", "--preset: "}},
		"no line of a config":               {[]string{"--line", "sum"}, []string{"--line: \"sum\" is not a line"}},
		"an unknown line":                   {[]string{"--line", "duplicate: sum"}, []string{"--line: duplicate unknown key"}},
		"a line that YAML is more":          {[]string{"--line", "duplicates: &a sum"}, []string{"has no place here"}},
		"a folder that tillpost's data has": {[]string{"--folder", "$DIR/data/pos", "--data-dir", "$DIR/data"}, []string{"--folder: ", "data_dir"}},
		"a folder that no config can name":  {[]string{"--folder", "a\xffb"}, []string{`--folder: "`, "is not UTF-8"}},
		"an argument":                       {[]string{initToken[:3]}, []string{"it takes no \"tok\""}},
	} {
		out, errs, status := p.init(test.words...)
		if status != statusUsage || out != "" {
			t.Errorf("%s: got %d, %q, %q; want 2", name, status, out, errs)
		}
		for _, want := range test.want {
			if !strings.Contains(errs, want) {
				t.Errorf("%s: got %q, want in it %q", name, errs, want)
			}
		}
	}
	p.nothing("wrong flags")
	if n := p.asked.Load(); n != 0 {
		t.Errorf("got %d requests, want the API left alone", n)
	}
}

func TestInitTouchesNoConfigUnasked(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	const before = "# mine\nresend_all: 7d\napi: {url: https://api.example.com, token_file: secret/token, rate: 120/m, retry: {min: 2s}}\ndata_dir: ../data\nsources: [{name: till, folder: ../pos}]\n"
	p.write("etc/tillpost.yaml", before)
	p.write("etc/secret/token", initToken)
	all := []string{"--url", "$URL", "--folder", "$DIR/pos"}
	if _, errs, status := p.init(all...); status != statusFailed || !strings.Contains(errs, "there is a config already") || !strings.Contains(errs, "--replace") {
		t.Errorf("got %d, %q; want 1 and what to do", status, errs)
	}
	if got := read(t, p.config); got != before {
		t.Fatalf("got %q, want it untouched", got)
	}
	for _, more := range [][]string{{"--replace"}, {"--replace", "--store", "3"}, {"--store", "3"}, {"--replace", "--store", "3"}} { // within a second; the last two say what is there
		if out, errs, status := p.init(append(all, more...)...); status != statusDone {
			t.Fatalf("%v: got %d, %q, %q", more, status, out, errs)
		}
	}
	copies, err := filepath.Glob(p.config + ".*.bak")
	if err != nil || len(copies) != 2 || read(t, copies[0]) != before && read(t, copies[1]) != before {
		t.Errorf("got the copies %v, %v; want one of each config", copies, err)
	}
	c := p.load()
	if c.API.Rate != 2 || c.API.RetryMin != 2*time.Second || c.ResendAll != 7*24*time.Hour {
		t.Errorf("got %+v, want what it said of the API and the agent kept", c)
	}
	if c.DataDir != filepath.Join(p.dir, "data") || c.API.TokenFile != filepath.Join(p.dir, "etc", "secret", "token") || c.Sources[0].Name != "till" {
		t.Errorf("got %s, %s, %q; want data, token and name as they were", c.DataDir, c.API.TokenFile, c.Sources[0].Name)
	}
	p.write("etc/tillpost.yaml", "data_dir: ../data\nneither: nor\n")
	if _, errs, status := p.init("--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given", "--replace"); status != statusFailed || !strings.Contains(errs, "--data-dir") {
		t.Errorf("where the old one is wrong, and says where the data is: got %d, %q; want it asked for", status, errs)
	}
	p.write("etc/tillpost.yaml", "neither: nor\n")
	if out, errs, status := p.init("--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given", "--replace"); status != statusDone {
		t.Errorf("where the old one is wrong: got %d, %q, %q", status, out, errs)
	}
}

func TestInitWritesNothingWhereTheAPISaysNo(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Welcome. Please log in.</html>"))
	}))
	t.Cleanup(page.Close)
	const gone = "http://127.0.0.1:1" // no port of a server that was closed: another test may be given it
	wrong := "wrong-" + initToken
	for name, test := range map[string]struct {
		url, token string
		words      []string
		status     int
		want       string
	}{
		"the token is wrong":                      {"$URL", wrong, nil, statusFailed, "error: the API does not take the token: 401"},
		"the token is wrong, and nobody tries it": {"$URL", wrong, []string{"--offline"}, statusDone, ""},
		"something else answers":                  {page.URL, initToken, nil, statusFailed, "error: try the API: "},
		"nothing answers":                         {gone, initToken, nil, statusDone, "warning: the API has not taken an update on trial: no connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newInitPlace(t)
			p.write("given", test.token)
			_, errs, status := p.init(append([]string{"--url", test.url, "--folder", "$DIR/pos", "--token-file", "$DIR/given"}, test.words...)...)
			if status != test.status || !strings.Contains(errs, test.want) {
				t.Errorf("got %d, %q; want %d and %q", status, errs, test.status, test.want)
			}
			if test.status == statusFailed {
				p.nothing(name)
				return
			}
			p.load()
			if token := strings.TrimSpace(read(t, filepath.Join(p.dir, "etc", "token"))); runtime.GOOS != "windows" && token != test.token {
				t.Errorf("another token was stored")
			}
			if n := p.asked.Load(); n != 0 {
				t.Errorf("got %d requests, want the API left alone", n)
			}
		})
	}
}

func TestInitTakesTheTokenFromStandardInputOrLater(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	for _, given := range []struct {
		token  string
		status int
		want   string
	}{
		{initToken, statusDone, ""},
		{initToken, statusDone, ""}, // nothing is left to do
		{"tok-SECRET-another", statusFailed, "the token that is stored, in "},
		{"", statusUsage, "token"},
	} {
		var stdout, stderr strings.Builder
		con := newConsole(&stdout, &stderr)
		root := con.root()
		root.SetIn(strings.NewReader(given.token + "\n"))
		root.SetArgs(p.flags("init", "--config", p.config, "--url", "$URL", "--folder", "$DIR/pos", "--token-file", "-"))
		status := con.exit(root.ExecuteContext(t.Context()))
		if status != given.status || strings.Contains(stdout.String()+stderr.String(), "SECRET") || !strings.Contains(stderr.String(), given.want) {
			t.Errorf("got %d, %q, %q; want %d, %q", status, &stdout, &stderr, given.status, given.want)
		}
	}
	p = newInitPlace(t)
	out, errs, status := p.init("--url", "$URL", "--folder", "$DIR/pos", "--offline")
	if status != statusDone || !strings.Contains(out, "`tillpost token set` stores it") {
		t.Errorf("without a token: got %d, %q, %q", status, out, errs)
	}
	if c := p.load(); c.API.TokenFile != "" {
		t.Errorf("got the token's file %q, want none, for there is no token", c.API.TokenFile)
	}
}

func TestInitSaysThatAServiceHasAnotherEnvironment(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], p.flags("init", "--config", p.config, "--url", "$URL", "--folder", "$DIR/pos")...)
	cmd.Env = append(os.Environ(), "TILLPOST_TOKEN="+initToken)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "warning: the token is in the environment's TILLPOST_TOKEN, and a service has another one") || strings.Contains(string(out), "SECRET") {
		t.Errorf("got %v, %s", err, out)
	}
	if c := p.load(); c.API.TokenFile != "" {
		t.Errorf("got the token's file %q, want none", c.API.TokenFile)
	}
}

func TestInitSaysWhatIsOpenAndTakesTheLineThatAnswersIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		export string
		open   string // in what is said without an answer; "" = nothing is open
		answer []string
	}{
		"no store":              {"UPC,Qty\n849632048260,12\n", "write `defaults: {store: \"...\"}`", []string{"--store", "3"}},
		"an unknown heading":    {"Store,UPC,Pcs Avail\n3,849632048260,12\n", "write `columns: {quantity: ...}`", []string{"--columns", "quantity=Pcs Avail"}},
		"a column a store":      {"UPC,Main Street Qty,Airport Qty\n849632048260,4,0\n036000291452,1,7\n", "write `stores: {", []string{"--stores", "Main Street=3", "--stores", "Airport=4"}},
		"rows told apart":       {"Store,UPC,Colour,Qty\n3,849632048260,red,4\n3,849632048260,blue,5\n3,849632040011,red,1\n3,849632040011,blue,2\n", "write `duplicates: ...`", []string{"--line", "duplicates: sum"}},
		"no header":             {"3,849632048260,12\n3,849632040011,4\n", "write `columns: ", []string{"--columns", "store=1", "--columns", "upc=2", "--columns", "quantity=3"}},
		"nothing of this is it": {"this is\nno export\n", "no quantity column was recognised", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newInitPlace(t)
			p.write("pos/stock.csv", test.export)
			all := []string{"--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given"}
			_, errs, status := p.init(all...)
			if status != statusPartial || !strings.Contains(errs, test.open) {
				t.Errorf("got %d, %q; want 3 and %q", status, errs, test.open)
			}
			p.load()
			if test.answer == nil {
				return
			}
			out, errs, status := p.init(append(append(all, "--replace"), test.answer...)...)
			if status != statusDone || strings.Contains(out, ", 0 updates") {
				t.Errorf("answered: got %d, %q, %q; want 0", status, out, errs)
			}
			if out, errs, status := runIn(t.Context(), "preview", "--config", p.config, filepath.Join(p.dir, "pos", "stock.csv")); status != statusDone {
				t.Errorf("preview: got %d, %q, %q; want 0", status, out, errs)
			}
		})
	}
}

func TestInitWarnsOfStoresThatMayHaveOtherCodes(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	p.write("pos/stock.csv", "Store,UPC,Qty\nMain Street,849632048260,0\n")
	all := []string{"--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given"}
	if _, errs, status := p.init(all...); status != statusDone || !strings.Contains(errs, `"Main Street"; where the API knows them by codes of its own, --stores`) {
		t.Errorf("got %d, %q; want 0 and a warning", status, errs)
	}
	if _, errs, status := p.init(append(all, "--replace", "--stores", "Main Street=3")...); status != statusDone || strings.Contains(errs, "codes of its own") {
		t.Errorf("with codes: got %d, %q; want 0 and no warning", status, errs)
	}
}

func TestInitPrintsOneObjectForScripts(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	p.write("pos/stock.csv", "UPC,Qty\n849632048260,12\n")
	out, _, status := p.init("--url", "$URL", "--folder", "$DIR/pos", "--folder", "$DIR/later", "--token-file", "$DIR/given", "--json")
	var got initResult
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != statusPartial || strings.Count(out, "\n") != 1 {
		t.Fatalf("got %d, %q, %v; want 3 and one object", status, out, err)
	}
	if got.Config != p.config || got.API.State != apiTakes || len(got.Sources) != 2 || got.Sources[0].Write != `defaults: {store: "..."}` || len(got.Open) != 1 {
		t.Errorf("got %+v", got)
	}
	if out, errs, status := p.init("--json"); status != statusUsage || out != "" {
		t.Errorf("wrong: got %d, %q, %q; want 2 and nothing on standard output", status, out, errs)
	}
	p.write("wrong", "not-the-token")
	out, _, status = p.init("--config", filepath.Join(p.dir, "other.yaml"), "--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/wrong", "--json")
	got = initResult{}
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != statusFailed || got.Error == "" || got.API.State != apiRefuses || strings.Contains(out, "not-the-token") {
		t.Errorf("a wrong token: got %d, %q, %v; want 1 and one object that says why", status, out, err)
	}
}

func TestInitPrintsOneObjectWhereTheInstallationFails(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	var stdout, stderr strings.Builder
	cmd := newConsole(&stdout, &stderr).initCommand(func(context.Context, *console, string) error { return errors.New("no room") })
	cmd.SetArgs(p.flags("--config", p.config, "--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given", "--json", "--install"))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	var got initResult
	if jerr := json.Unmarshal([]byte(stdout.String()), &got); jerr != nil || err == nil || got.Error != "no room" || got.Token == "" {
		t.Errorf("got %v and %q, %v; want one object that says why it is not installed", err, &stdout, jerr)
	}
}

func TestInitInstallsOnlyWhereItIsAsked(t *testing.T) {
	t.Parallel()
	for _, wanted := range []bool{false, true} {
		p := newInitPlace(t)
		var stdout, stderr strings.Builder
		con := newConsole(&stdout, &stderr)
		installed := ""
		cmd := con.initCommand(func(_ context.Context, con *console, path string) error {
			installed = path
			con.printf("installed\n")
			return nil
		})
		args := p.flags("--config", p.config, "--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given", "--json")
		if wanted {
			args = append(args, "--install")
		}
		cmd.SetArgs(args)
		if err := cmd.ExecuteContext(t.Context()); err != nil || (installed == p.config) != wanted {
			t.Errorf("--install %v: got %v, %q", wanted, err, installed)
		}
		con.behind.flush()
		if strings.Contains(stdout.String(), "installed") || strings.Contains(stderr.String(), "installed") != wanted {
			t.Errorf("--install %v: got %q, %q; want what it says beside the JSON", wanted, &stdout, &stderr)
		}
	}
}

func TestInitCannotCommandTheTerminal(t *testing.T) {
	t.Parallel()
	p := newInitPlace(t)
	p.write("pos/stock\u202e.csv", "UPC,\"Q \x1b[2J\"\n\x1b[31m,1\n")
	for _, words := range [][]string{
		{"--url", "$URL", "--folder", "$DIR/pos", "--token-file", "$DIR/given"},
		{"--url", "$URL", "--folder", "$DIR/a\u202eb", "--token-file", "$DIR/given", "--replace", "--json"},
		{"--url", "\x1b[2J", "--line", "\x1b[2J: 1", "--replace"},
	} {
		out, errs, _ := p.init(words...)
		if strings.ContainsAny(out+errs, "\x1b\a\u202e") {
			t.Errorf("%q: got %q, %q; want no control character", words, out, errs)
		}
	}
}
