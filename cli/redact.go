package cli

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tillpost/config"
)

// redactor takes secrets out of texts that go to somebody else, however they are written there. (Promise 11.)
type redactor struct {
	secrets []string // for errors about texts that cannot be redacted in one piece
	replace *strings.Replacer
}

const (
	redacted      = "[hidden]"
	leastSecret   = 4 // bytes, below which a text is not looked for: it would be everywhere
	leastEncoded  = 8 // bytes, below which base64 of a text that others stand around is not looked for
	leastShowable = 8 // bytes of what follows `Bearer`, below which it is a word
)

func newRedactor(secrets ...string) *redactor {
	r := &redactor{}
	var forms []string
	for _, secret := range secrets {
		secret = strings.TrimSpace(secret)
		if len(secret) >= leastSecret && !slices.Contains(r.secrets, secret) {
			r.secrets = append(r.secrets, secret)
			forms = append(forms, formsOf(secret)...)
		}
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the longest first
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, redacted)
	}
	r.replace = strings.NewReplacer(pairs...)
	return r
}

// formsOf are the ways in which a text may be written.
func formsOf(text string) []string {
	forms := []string{text, url.QueryEscape(text), url.PathEscape(text), strings.ToLower(url.QueryEscape(text)), html.EscapeString(text),
		strings.ReplaceAll(text, `"`, `""`), strings.ReplaceAll(text, "'", "''"), hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))),
		url.QueryEscape(url.QueryEscape(text))}
	quoted := strconv.Quote(text)
	for _, inner := range append(jsonForms(text), quoted[1:len(quoted)-1]) {
		forms = append(append(forms, inner), jsonForms(inner)...) // JSON in a text of JSON
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		whole := strings.TrimRight(encoding.EncodeToString([]byte(text)), "=")
		forms = append(forms, whole, url.QueryEscape(whole))
		if len(text) < leastEncoded {
			continue
		}
		for before := range 3 { // where it stands in a longer text, as behind a user's name
			encoded := encoding.EncodeToString([]byte(strings.Repeat("x", before) + text))
			whole := encoded[(before*8+5)/6 : (before+len(text))*8/6]
			forms = append(forms, whole, url.QueryEscape(whole))
		}
	}
	return slices.DeleteFunc(forms, func(form string) bool { return len(form) < leastSecret })
}

// jsonForms are a text as it stands between the quotes of JSON: with what HTML minds escaped, and without.
func jsonForms(text string) (forms []string) {
	for _, escape := range []bool{true, false} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(escape)
		_ = e.Encode(text) // a text can always be encoded
		forms = append(forms, b.String()[1:b.Len()-2])
	}
	return forms
}

var (
	authorization = regexp.MustCompile(`(?i)(authorization[\\"']*\s*[:=]\s*[\\"']*)[^"'\\\r\n]+`)
	bearer        = regexp.MustCompile(`(?i)(\bbearer(?:\s|%20|\+|:)+[\\"']*)([A-Za-z0-9._~+/=%-]+)`)
)

// text is a text without secrets: those that are known, the users, passwords and queries of URLs, and what goes with the words
// Authorization and Bearer.
func (r *redactor) text(text string) string {
	text = r.replace.Replace(text)
	text = config.MaskURLs(text)
	text = authorization.ReplaceAllString(text, "${1}"+redacted)
	return bearer.ReplaceAllStringFunc(text, func(found string) string {
		parts := bearer.FindStringSubmatch(found)
		if len(parts[2]) < leastShowable {
			return found // a word, as in "invalid bearer token"
		}
		return parts[1] + redacted
	})
}
