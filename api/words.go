package api

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tillpost/inventory"
)

// This file reads an error's words: do they blame the token, do they say that the product or store is not known? To
// blame the token stops the whole drain, so one product's error must never be taken for it: only a complaint that
// stands right beside a word for the token counts, and neither a code nor a quotation is such a word. The reverse
// mistake is mild: it costs a dead letter, and refusals in a row are looked into anyway.

// sentence is the words of one sentence in lower case, without quotations. A code that the request was about is
// ownCode, and colons and commas are words too.
type sentence []string

const ownCode = "\x00"

// reach is how many words may lie between the token and a complaint about it.
const reach = 8

var (
	// tokenWords name the token, or what stands for it.
	tokenWords = set(`token tokens bearer jwt apikey api_key api-key access_token access-token accesstoken auth_token
		auth-token bearer_token credential credentials authorization authorisation authentication authenticate`)
	// complaints about a token stand before or after it.
	complaints = set(`missing invalid expired expires revoked malformed required requires require needed needs need
		denied rejected refused incorrect wrong bad unknown inactive disabled blocked suspended not lacks lack
		insufficient failed failure fails cannot can't couldn't isn't wasn't hasn't doesn't aren't weren't won't
		unauthorized unauthorised unauthenticated forbidden absent empty unverified mismatch mismatched stale`)
	complaintsBefore = set(`no without provide supply include must`)
	complaintsAfter  = set(`longer access permission permissions privilege privileges scope scopes rights`)
	// Between the two there may be only such words.
	betweenBefore = set(`: a an the your or and valid any api access auth oauth client header field parameter
		bearer authorization authentication request token`)
	betweenAfter = set(`: is was were are has have had been be being the a or and also it does do did could can may in
		no header field parameter value key type provided supplied given sent string already seems bearer
		authorization authentication request token credentials`)
	// parserWords stand in complaints about the request's syntax, whose tokens are others.
	parserWords = set(`json syntax parse parser parsing position deserialize deserializing expecting csrf`)

	// tokenErrors are error codes that blame the token, without their hyphens and underscores.
	tokenErrors = set(`invalidtoken tokeninvalid tokenexpired expiredtoken missingtoken tokenmissing tokenrequired
		tokenrevoked revokedtoken notoken badtoken invalidauth notauthed authrequired authenticationrequired
		authenticationfailed authorizationrequired autherror authenticationerror invalidclient invalidgrant
		unauthorizedclient insufficientscope accessdenied permissiondenied invalidapikey invalidcredentials
		badcredentials tokennotpermitted notpermitted invalidaccesstoken invalidbearertoken invalidauthenticationtoken`)
	// denials blame the token on their own, a word or two long, where no word of theirs is about the update.
	denials = set(`unauthorized unauthorised unauthenticated forbidden not+authorized not+authorised
		not+authenticated not+permitted access+denied permission+denied login+required not+logged
		insufficient+permission insufficient+permissions insufficient+privileges insufficient+rights no+permission
		not+authenticate to+authenticate must+authenticate have+permission`)
	// permitted are the words before "not permitted" that make it the token's.
	permitted = set(`: , you are is operation request access action user client caller account key sender i`)

	// productWords and storeWords name what an update is about, updateWords what else it holds.
	productWords = set(`sku skus upc upcs ean gtin barcode product products item items article style variant size width`)
	storeWords   = set(`store stores shop branch location`)
	updateWords  = set(`quantity quantities qty stock negative value values number character characters field fields
		format length method content-type json body duplicate property parameter`)
	// labels are followed by a code.
	labels = set(`sku skus upc upcs ean gtin barcode style article product item size width store`)

	// unknowns say that a thing is not known.
	unknowns = set(`unknown unrecognized unrecognised nonexistent non-existent no+such not+found not+known
		not+recognized not+recognised not+exist not+exists doesn't+exist don't+exist cannot+find can't+find
		couldn't+find not+find not+registered not+listed`)
	// otherUnknowns follow "unknown" where it is not the product that is not known.
	otherUnknowns = set(`error exception reason property parameter problem issue`)
)

// blamesToken reports whether the words say that the token is missing, invalid, expired or not permitted.
func blamesToken(sentences []sentence) bool {
	for _, s := range sentences {
		s = s.withoutLabelled()
		if s.has(parserWords) {
			continue
		}
		aboutUpdate := s.has(productWords) || s.has(storeWords) || s.has(updateWords)
		for i, word := range s {
			switch {
			case tokenErrors[strings.ReplaceAll(strings.ReplaceAll(word, "-", ""), "_", "")]:
				return true
			case tokenWords[word] && s.complainsAt(i):
				return true
			case !aboutUpdate && s.deniesAt(i):
				return true
			}
		}
	}
	return false
}

// complainsAt reports whether a complaint stands right beside the token's word at i.
func (s sentence) complainsAt(i int) bool {
	if i > 0 && labels[s[i-1]] && s[i-1] != "store" && s[i-1] != "product" {
		return false // `sku token`: it is the code
	}
	for j := i - 1; j >= max(0, i-reach); j-- {
		if complaints[s[j]] || complaintsBefore[s[j]] {
			return true
		}
		if !betweenBefore[s[j]] {
			break
		}
	}
	for j := i + 1; j < min(len(s), i+1+reach); j++ {
		if complaints[s[j]] || complaintsAfter[s[j]] {
			return true
		}
		if !betweenAfter[s[j]] {
			break
		}
	}
	return false
}

// deniesAt reports whether the word at i, or it and the next, deny the request as such.
func (s sentence) deniesAt(i int) bool {
	if denials[s[i]] {
		return true
	}
	if i+1 >= len(s) || !denials[s[i]+"+"+s[i+1]] {
		return false
	}
	return s[i]+"+"+s[i+1] != "not+permitted" || i == 0 || permitted[s[i-1]]
}

// saysUnknown reports whether the words say that the product or the store is not known.
func saysUnknown(sentences []sentence) bool {
	for _, s := range sentences {
		if s.has(updateWords) || !s.has(productWords) && !s.has(storeWords) && !slices.Contains(s, ownCode) {
			continue
		}
		for i, word := range s {
			next := ""
			if i+1 < len(s) {
				next = s[i+1]
			}
			if unknowns[word+"+"+next] || unknowns[word] && !otherUnknowns[next] {
				return true
			}
		}
	}
	return false
}

func (s sentence) has(words map[string]bool) bool {
	for _, w := range s {
		if words[w] {
			return true
		}
	}
	return false
}

// withoutLabelled leaves out what follows a label and a colon, up to a comma: in `Unknown sku: TOKEN RING` it is a code.
func (s sentence) withoutLabelled() sentence {
	for i := 0; i+1 < len(s); i++ {
		if !labels[s[i]] || s[i+1] != ":" {
			continue
		}
		kept := append(sentence(nil), s[:i+1]...)
		for j := i + 2; j < len(s); j++ {
			if s[j] == "," {
				return append(kept, s[j:].withoutLabelled()...)
			}
		}
		return kept
	}
	return s
}

// sentencesOf takes the words apart. The key is the one the request was about.
func sentencesOf(words string, key inventory.Key) []sentence {
	text := lower(strings.ToValidUTF8(words, "\ufffd"))
	text = strings.NewReplacer("’", "'", "json web token", "jwt", "api key", "api_key").Replace(text)
	for _, code := range []string{key.SKU, key.UPC, key.Size, key.Width, key.Store} {
		text = withoutCode(text, lower(code))
	}
	text = withoutQuotations(text)
	var all []sentence
	var s sentence
	end := func() {
		if len(s) > 0 {
			all = append(all, s)
		}
		s = nil
	}
	for field := range strings.FieldsFuncSeq(spaced(text), unicode.IsSpace) {
		ends := strings.ContainsAny(field[len(field)-1:], ".!?;|")
		if word := strings.Trim(field, ".!?;|'`<>*"); word != "" {
			s = append(s, word)
		}
		if ends {
			end()
		}
	}
	end()
	return all
}

// spaced sets off the signs that are words of their own, and those that only surround words. Line ends end sentences.
func spaced(text string) string {
	return strings.NewReplacer("\n", " ; ", "\r", " ", ";", " ; ", "|", " ; ", ",", " , ", ":", " : ", "=", " : ",
		"(", " ", ")", " ", "[", " ", "]", " ", "{", " ", "}", " ", `"`, " ").Replace(text)
}

// withoutCode puts ownCode in the place of each code that stands on its own. A code that is a mere particle, such as a
// width A, stays: without it a sentence would fall apart.
func withoutCode(text, code string) string {
	code = strings.TrimSpace(code)
	if code == "" || betweenBefore[code] && !tokenWords[code] || betweenAfter[code] && !tokenWords[code] {
		return text
	}
	var b strings.Builder
	done := 0
	for from := 0; ; {
		i := strings.Index(text[from:], code)
		if i < 0 {
			break
		}
		i += from
		after := i + len(code)
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		next, _ := utf8.DecodeRuneInString(text[after:])
		if i > 0 && inWord(before) || after < len(text) && inWord(next) {
			from = i + 1
			continue
		}
		b.WriteString(text[done:i])
		b.WriteString(" " + ownCode + " ")
		done, from = after, after
	}
	b.WriteString(text[done:])
	return b.String()
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// withoutQuotations leaves out what stands in quotation marks, but for the name of the header that carries the token.
// An apostrophe in a word is no quotation mark, and one that is never closed is none either.
func withoutQuotations(text string) string {
	closing := map[rune]string{'"': `"`, '\'': "'", '`': "`", '“': "”", '‘': "'", '«': "»", '„': "“"}
	var b strings.Builder
	last := ' '
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		if mark, opens := closing[r]; opens && !inWord(last) {
			if quoted, rest, ok := cutQuotation(text[n:], mark); ok {
				if quoted != "authorization" {
					quoted = "\ufffd"
				}
				b.WriteString(" " + quoted + " ")
				text, last = rest, ' '
				continue
			}
		}
		b.WriteString(text[:n])
		text, last = text[n:], r
	}
	return b.String()
}

// cutQuotation cuts text after the first mark that no letter or digit follows.
func cutQuotation(text, mark string) (quoted, rest string, ok bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], mark)
		if i < 0 {
			return "", "", false
		}
		i += from
		rest = text[i+len(mark):]
		if next, _ := utf8.DecodeRuneInString(rest); rest == "" || !inWord(next) {
			return text[:i], rest, true
		}
		from = i + len(mark)
	}
}

// lower is strings.ToLower for ASCII, which keeps every byte in its place.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
