package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASharedConfigShowsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tillpost.yaml")
	const text = `# the token is sk_comment
api:
  url: https://shop.example/inventory?key=sk_query # sk_behind
  token_file: /etc/tillpost/token
  rate: 5/s
  proxy: "http://kim:sk_proxy@proxy.example:3128"
  token: sk_unknown_key_value
heartbeat: {url: "https://hc.example/ping/sk_heartbeat_key"}
sources:
  - &first
    folder: /srv/pos/export
    files: ["*.csv"]
    stores: {"Main Street": "3", "see http://kim:sk_store@x.example/": "4"}
    guard: {zero: 60%}
  - <<: *first
    name: second
    sk_name: 1
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Share(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.Text, "sk_") {
		t.Errorf("a secret is in\n%s", got.Text)
	}
	for _, want := range []string{"rate: 5/s", "folder: /srv/pos/export", `"*.csv"`, "Main Street", "zero: 60%", "name: second", "url: '[hidden]'", "http://[hidden]@x.example/"} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("got\n%s\nwant %q in it", got.Text, want)
		}
	}
	for _, want := range []string{"sk_proxy", "sk_query", "sk_unknown_key_value", "sk_heartbeat_key", "https://hc.example/ping/sk_heartbeat_key"} {
		if !strings.Contains(strings.Join(got.Secrets, "\n"), want) {
			t.Errorf("got the secrets %q, want %q among them", got.Secrets, want)
		}
	}
}

func TestASharedConfigThatIsNoYAMLShowsWhereItsKeysStand(t *testing.T) {
	t.Parallel()
	got := share([]byte("api:\n  url: \"https://kim:sk_1@shop.example\n\ttoken: sk_2\n  rate: 5/s # sk_3\nsources:\n  - folder: sk_4\nsk_5\n"))
	want := "api:\n  url: [hidden]\n\t[hidden]\n  rate: [hidden]\nsources:\n  - folder: [hidden]\n[hidden]\n\n"
	if got.Text != want {
		t.Errorf("got\n%s\nwant\n%s", got.Text, want)
	}
}

// TestNoSecretSurvivesSharing puts a secret into every place that may hold one, of configs that are right, wrong and torn.
func TestNoSecretSurvivesSharing(t *testing.T) {
	t.Parallel()
	const mark = "S3cretS3cret"
	random := rand.New(rand.NewPCG(1, 2))
	keys := []string{"token", "password", "bearer", "api_key"}
	for _, k := range table() {
		if k.secret {
			keys = append(keys, k.path[strings.LastIndexByte(k.path, '.')+1:])
		}
	}
	values := []string{mark, `"` + mark + `"`, "'" + mark + "'", "https://h.example/" + mark, "https://a:" + mark + "@h.example/?q=" + mark,
		"[" + mark + "]", "{a: " + mark + "}", "|\n      " + mark, "&x " + mark, "!!str " + mark, "\"h\\x74tp://" + mark + "@x.example\""}
	for range 5000 {
		group := []string{"api", "heartbeat", "metrics_push", "status", "nothing"}[random.IntN(5)]
		line := func() string {
			return fmt.Sprintf("  %s: %s # %s\n", keys[random.IntN(len(keys))], values[random.IntN(len(values))], mark)
		}
		text := fmt.Sprintf("# %s\n%s:\n%s%ssources:\n  - folder: /srv # %s\n%s", mark, group, line(), line(), mark, "  "+line())
		if cut := random.IntN(2 * len(text)); cut < len(text) {
			text = text[:cut]
		}
		got := share([]byte(text))
		if strings.Contains(got.Text, mark) {
			t.Fatalf("the secret is in\n%s\nof\n%s", got.Text, text)
		}
	}
}

func FuzzShare(f *testing.F) {
	f.Add("api: {url: https://a:b@shop.example, rate: 5/s}\nsources: [{folder: /srv}]\n")
	f.Add("a: &a [1, 2]\nb: [*a, *a]\n<<: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		const mark = "S3cretS3cret"
		got := share([]byte("api:\n  token_file: " + mark + "\n  proxy: http://" + mark + "@x.example\n" + strings.ReplaceAll(text, mark, "")))
		if strings.Contains(got.Text, mark) {
			t.Errorf("the secret is in\n%s", got.Text)
		}
	})
}
