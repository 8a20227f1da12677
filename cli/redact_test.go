package cli

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// written are ways in which a secret reaches a log or an answer, and traces what of each must not be found afterwards.
func written(secret string) (whole, traces []string) {
	quoted, _ := json.Marshal(secret)
	whole = []string{secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1 : len(quoted)-1]), fmt.Sprintf("%x", secret),
		strings.Trim(fmt.Sprintf("%q", secret), `"`)}
	traces = slices.Clone(whole)
	for _, before := range []string{"", "x", "xy", "kim:"} {
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
			encoded := e.EncodeToString([]byte(before + secret + ":"))
			whole = append(whole, encoded)
			traces = append(traces, encoded[8:len(encoded)-4])
		}
	}
	return whole, traces
}

func TestRedactorTakesSecretsOutHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	const secret = `tok/en+"1<2>&3'secret=?`
	r := newRedactor("", "abc", secret)
	whole, traces := written(secret)
	for i, form := range whole {
		for _, text := range []string{form, "x" + form + "x", `{"a":"` + form + `"}`} {
			if got := r.text(text); strings.Contains(got, traces[i]) {
				t.Errorf("got %q of %q", got, text)
			}
		}
	}
}

func TestRedactorHidesWhatGoesWithTheWordsOfSecrets(t *testing.T) {
	t.Parallel()
	r := newRedactor()
	for text, want := range map[string]string{
		"Authorization: Bearer abcdefgh\nnext":       "Authorization: [hidden]\nnext",
		`{"Authorization":"Basic YTpi","a":1}`:       `{"Authorization":"[hidden]","a":1}`,
		`{\"authorization\":\"Basic YTpi\",\"a\":1}`: `{\"authorization\":\"[hidden]\",\"a\":1}`,
		"bearer sk_live_1234567":                     "bearer [hidden]",
		"Invalid bearer token":                       "Invalid bearer token",
		"https://kim:pw@x.example/a?key=1 and more":  "https://[hidden]@x.example/a?[hidden] and more",
		"abc": "abc",
	} {
		if got := r.text(text); got != want {
			t.Errorf("got %q of %q, want %q", got, text, want)
		}
	}
}
