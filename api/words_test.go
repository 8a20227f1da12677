package api

import (
	"strings"
	"testing"

	"tillpost/inventory"
)

func TestWhatBlamesTheToken(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"Missing bearer token",
		"token expired",
		"not permitted",
		"Not permitted.",
		"unauthorized",
		"Unauthorised",
		"Invalid token",
		"No token provided",
		"Token is missing or invalid",
		"token: missing",
		"Missing required field: token",
		"Missing header: Authorization",
		`Missing "Authorization" header`,
		"Authorization header missing",
		"Authorization: invalid",
		"Your access token has expired",
		"The access token provided is expired, revoked, malformed, or invalid",
		"Please provide a valid API key",
		"Invalid API key",
		"A bearer token is required",
		"The token isn't valid",
		"The token isn’t valid",
		"Token not permitted for store 3",
		"The token does not have access to this store",
		"token no longer valid",
		"Given token not valid for any token type",
		"Authentication credentials were not provided.",
		"authentication failed",
		"Authentication required",
		"Failed to authenticate",
		"Bad credentials",
		"Invalid JSON web token",
		"You are not permitted to do that",
		"Operation not permitted",
		"Access denied",
		"Permission denied",
		"invalid_token",
		"TOKEN_EXPIRED",
		"TokenExpired",
		"error: insufficient_scope",
		"Unknown sku? No: token revoked",
		"Request failed; the token in the Authorization header is invalid",
		"Token ungültig? token invalid",
	} {
		if !blamesToken(sentencesOf(words, zoot)) {
			t.Errorf("%q: got another's fault, want the token's", words)
		}
	}
}

func TestWhatDoesNotBlameTheToken(t *testing.T) {
	t.Parallel()
	key := func(code string) inventory.Key {
		return inventory.Key{Store: "3", SKU: code, Size: "10.5", Width: "A"}
	}
	for _, c := range []struct {
		words string
		key   inventory.Key
	}{
		{"Missing required field: sku", zoot},
		{"Unknown sku: TOKEN-RING", key("TOKEN-RING")},
		{"upc BEARER-1 invalid", inventory.Key{Store: "3", UPC: "BEARER-1"}},
		{"invalid token", key("TOKEN")},
		{"Token invalid", key("token")},
		{"Unknown sku TOKEN", key("Token")},
		{"Unknown sku: TOKEN RING", key("TOKEN RING 10.5")}, // the API cut the code
		{"Invalid sku: token missing set, size 10.5", key("X")},
		{"sku token invalid", key("X")},
		{"Invalid product 'bearer token missing'", key("X")},
		{`No such item "TOKEN EXPIRED"`, key("X")},
		{"TOKEN-EXPIRED-1 is not a valid sku", key("X")},
		{"invalid TOKEN.RING", key("X")},
		{"invalid TOKEN/RING", key("X")},
		{"not permitted", key("not permitted")},
		{"unauthorized", key("UNAUTHORIZED")},
		{"Product UNAUTHORIZED-TEE unknown", key("UNAUTHORIZED-TEE")},
		{"invalid_token", key("INVALID_TOKEN")},
		{"Unexpected token < in JSON at position 0", key("X")},
		{"Invalid token '}' in JSON", key("X")},
		{"Unrecognized token 'abc': was expecting 'true'", key("X")},
		{"Syntax error: invalid token", key("X")},
		{"Negative quantity not permitted", key("X")},
		{"negative stock not permitted", key("X")},
		{"Fractional numbers not permitted", key("X")},
		{"Not permitted: negative quantity", key("X")},
		{"Forbidden character in sku", key("X")},
		{"Method not permitted", key("X")},
		{"Product unknown for this token", key("X")},
		{"sku not found for this token", key("X")},
		{"token accepted, but the sku is not known", key("X")},
		{"the token is fine; sku invalid", key("X")},
		{"sku: invalid token", key("X")},
		{"quantity: must be at least 0", key("X")},
		{"", key("X")},
		{"'", key("X")},
		{"can't 'find", key("X")},
	} {
		if blamesToken(sentencesOf(c.words, c.key)) {
			t.Errorf("%q of %v: got the token's fault, want the update's", c.words, c.key)
		}
	}
}

func TestWhatSaysThatTheProductOrStoreIsNotKnown(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]bool{
		"Unknown sku":                        true,
		"Unknown sku: TOKEN-RING":            true,
		"sku: not found":                     true,
		"Product not found.":                 true,
		"store 3 does not exist":             true,
		"The store doesn't exist":            true,
		"No such item":                       true,
		"ZOOT-SUIT not found":                true,
		"UPC is not recognised":              true,
		"Could not find product 'ZOOT-SUIT'": true,
		"Location unknown":                   true,
		"Missing required field: sku":        false,
		"Unknown field: sku":                 false,
		"Unknown error while saving product": false,
		"not found":                          false,
		"Invalid sku":                        false,
		"quantity must not be negative":      false,
		"page not found; bad store":          false,
		"":                                   false,
	} {
		if got := saysUnknown(sentencesOf(words, zoot)); got != want {
			t.Errorf("%q: got %v, want %v", words, got, want)
		}
	}
}

func TestTheTokenIsInNoWords(t *testing.T) {
	t.Parallel()
	const token = "sk_live_4f9A/b+c==Zq"
	for words, want := range map[string]string{
		"bad token " + token:                          "bad token [token]",
		"Bearer " + strings.ToUpper(token) + "!":      "Bearer [token]!",
		token + token:                                 "[token][token]",
		"begins with " + token[:9] + "...":            "begins with [token]...",
		"ends with ***" + token[len(token)-8:]:        "ends with ***[token]",
		"only " + token[:4] + "****":                  "only sk_l****",
		strings.Repeat("x ", maxSaid/2-4) + token[:7]: "",
		strings.Repeat(token+" ", 400):                "",
		"\xff" + token + "\xff":                       `\xff[token]\xff`,
	} {
		got := clean(words, token)
		if want != "" && got != want {
			t.Errorf("%.60q: got %q, want %q", words, got, want)
		}
		for i := 0; i+secretRun <= len(token); i++ {
			if strings.Contains(strings.ToLower(got), strings.ToLower(token[i:i+secretRun])) {
				t.Errorf("%.60q: got %q, which shows %q", words, got, token[i:i+secretRun])
			}
		}
	}
	if got, want := clean("Test of a tester: test", "test"), "[token] of a tester: [token]"; got != want {
		t.Errorf("a short token: got %q, want %q", got, want)
	}
}

func TestWordsAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"a\x00b\x1b[31mc\x7f":       `a\x00b\x1b[31mc\x7f`,
		"a\u202eb\u0085c\u2028d":    `a\u202eb\x85c\u2028d`,
		"tab\there\nthere":          `tab\there\nthere`,
		"größe 東京":                  "größe 東京",
		" around ":                  "around",
		strings.Repeat("é", 250):    strings.Repeat("é", 250),
		strings.Repeat("é", 251):    strings.Repeat("é", 248) + "…",
		strings.Repeat("\x00", 999): strings.Repeat(`\x00`, 124) + "…",
	} {
		if got := clean(words, ""); got != want || len(got) > maxWords {
			t.Errorf("%.40q: got %q (%d bytes), want %q", words, got, len(got), want)
		}
	}
}
