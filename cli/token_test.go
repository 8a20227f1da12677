package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// setting runs `token set` with a text as its standard input.
func setting(t *testing.T, text string, args ...string) (out, errs string, status int) {
	t.Helper()
	var stdout, stderr strings.Builder
	con := newConsole(&stdout, &stderr)
	root := con.root()
	root.SetIn(strings.NewReader(text))
	root.SetArgs(append([]string{"token", "set"}, args...))
	status = con.exit(root.ExecuteContext(t.Context()))
	return stdout.String(), stderr.String(), status
}

func TestTokenSetStoresWhatItIsGivenAndShowsNothingOfIt(t *testing.T) {
	t.Parallel()
	const token = "tok-SECRET-0123456789"
	dir := t.TempDir()
	path := filepath.Join(dir, "secret", "token")
	config := filepath.Join(dir, "tillpost.yaml")
	if err := os.WriteFile(config, []byte("api: {url: https://localhost, token_file: '"+path+"'}\nsources: [{folder: pos}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, status := setting(t, " "+token+"\r\n", "--config", config)
	if status != statusDone || out != "the token is stored in "+path+"\n" || errs != "" {
		t.Fatalf("got %d, %q, %q", status, out, errs)
	}
	for name, test := range map[string]struct {
		text, want string
		status     int
	}{
		"nothing":   {"\n", "the token is empty", statusUsage},
		"two lines": {token + "\n" + token, "more than one line", statusUsage},
	} {
		out, errs, status := setting(t, test.text, "--config", config)
		if status != test.status || !strings.Contains(errs, test.want) || strings.Contains(out+errs, token) {
			t.Errorf("%s: got %d, %q, %q; want %d, %q and nothing of the token", name, status, out, errs, test.status, test.want)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(dir, "odd.yaml")
	if err := os.WriteFile(odd, []byte("api: {url: https://localhost, token_file: folder}\nsources: [{folder: pos}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, status := setting(t, token, "--config", odd); status != statusFailed || !strings.Contains(errs, "folder: is not a regular file") || strings.Contains(errs, token) {
		t.Errorf("where a folder is: got %d, %q", status, errs)
	}
	if _, errs, status := setting(t, token, "--config", filepath.Join(dir, "none.yaml")); status != statusUsage || strings.Contains(errs, token) {
		t.Errorf("without the config that was named: got %d, %q", status, errs)
	}
	if out, errs, status := runIn(t.Context(), "token", "set", token); status != statusUsage || out != "" {
		t.Errorf("as an argument: got %d, %q, %q; want it refused", status, out, errs)
	}
}
