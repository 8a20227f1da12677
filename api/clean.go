package api

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxWords    = 500 // bytes of Answer.Words
	hiddenToken = "[token]"
	secretRun   = 8 // that many characters of the token in a row are part of it
)

// clean makes words safe to show, log and store: without the token, control characters escaped, at most maxWords bytes.
func clean(words, token string) string {
	if words == "" {
		return ""
	}
	token = strings.TrimSpace(token)
	if len(words) >= maxSaid { // the cut may have gone through a token
		words = words[:max(0, maxSaid-len(token))]
	}
	return escape(strings.TrimSpace(redact(words, token)))
}

// redact puts hiddenToken in the place of the token, in any letter case, and of every piece of it that is at least
// secretRun characters long, so that one that was cut or partly masked shows nothing either. A token shorter than that
// counts where it is a word. Promise 5 of the package.
func redact(words, token string) string {
	if token == "" {
		return words
	}
	run := min(len(token), secretRun)
	text, secret := lowerBytes(words), lowerBytes(token)
	var b strings.Builder
	for i := 0; i < len(text); {
		n := 0
		if i+run <= len(text) && strings.Contains(secret, text[i:i+run]) && (run == secretRun || isWord(text, i, i+run)) {
			for n = run; i+n < len(text) && strings.Contains(secret, text[i:i+n+1]); n++ {
			}
		}
		if n == 0 {
			b.WriteByte(words[i])
			i++
			continue
		}
		b.WriteString(hiddenToken)
		i += n
	}
	return b.String()
}

// isWord reports whether no letter or digit stands right before or after text[from:to].
func isWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	return (from == 0 || !inWord(before)) && (to == len(text) || !inWord(after))
}

// lowerBytes lowers the ASCII letters of what need not be UTF-8.
func lowerBytes(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// escape shows what cannot be printed as Go would write it, and ends at maxWords bytes with an ellipsis.
func escape(words string) string {
	const ellipsis = "…"
	var b strings.Builder
	fits := 0 // bytes of b that leave room for the ellipsis
	for words != "" {
		r, n := utf8.DecodeRuneInString(words)
		shown := words[:n]
		switch {
		case r == utf8.RuneError && n == 1:
			shown = fmt.Sprintf(`\x%02x`, words[0])
		case r == '\n':
			shown = `\n`
		case r == '\r':
			shown = `\r`
		case r == '\t':
			shown = `\t`
		case !unicode.IsPrint(r) && r < 0x100:
			shown = fmt.Sprintf(`\x%02x`, r)
		case !unicode.IsPrint(r):
			shown = fmt.Sprintf(`\u%04x`, r)
		}
		b.WriteString(shown)
		if b.Len() > maxWords {
			return b.String()[:fits] + ellipsis
		}
		if b.Len() <= maxWords-len(ellipsis) {
			fits = b.Len()
		}
		words = words[n:]
	}
	return b.String()
}
