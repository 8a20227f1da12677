package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tillpost/inventory"
)

// Verdict is what an answer means for the update and for the drain, as the contract's table says.
type Verdict int

const (
	Later        Verdict = iota // for now it could not be delivered: 408, 425, 429, 5xx, network failure, time-out
	Acknowledged                // the API has taken the quantity
	Refused                     // for good: the same update would be refused again
	TokenBad                    // the token is missing, invalid, expired or not permitted; it is not this update's fault
	NotOurAPI                   // something else answered, or something whose certificate does not hold
)

// String returns the verdict in a word or two.
func (v Verdict) String() string {
	switch v {
	case Later:
		return "later"
	case Acknowledged:
		return "acknowledged"
	case Refused:
		return "refused"
	case TokenBad:
		return "token bad"
	case NotOurAPI:
		return "not our API"
	}
	return "verdict " + strconv.Itoa(int(v))
}

// Answer is what came of one request.
type Answer struct {
	Verdict Verdict
	Status  int  // the HTTP status; 0 = there was no answer
	Unknown bool // with Refused: the API does not know the product or the store

	// Words are the API's own, or say in plain words what went wrong. At most 500 bytes of UTF-8, control characters
	// escaped, without the token. Empty with Acknowledged.
	Words string

	RetryAfter   time.Duration // with Later: how long the API asks to be left alone, at most 1 h; 0 = it does not ask
	Doubt        bool          // the API may have applied the update, or may yet, though it was not acknowledged
	NoConnection bool          // no connection to the API came about, so nothing was sent
	Took         time.Duration // the whole call
	date         string        // the answer's Date as it came
}

// ServerTime is the answer's Date, to the second; zero = it has none.
func (a *Answer) ServerTime() time.Time {
	if a.date == "" {
		return time.Time{}
	}
	t, err := http.ParseTime(a.date)
	if err != nil {
		return time.Time{}
	}
	return t
}

// maxRetryAfter bounds how long the API can have itself left alone.
const maxRetryAfter = time.Hour

// ending is how the reading of an answer's body ended.
type ending int

const (
	whole   ending = iota // at its end
	tooLong               // at the limit; there was more
	cut                   // the connection broke off
	late                  // the time was up, or the caller gave up
)

// reply is an answer as it came from the wire.
type reply struct {
	status int
	header http.Header
	body   []byte // all of it, or as much as came
	end    ending
}

// judge is the contract's table. The key is the one the request was about.
func judge(r reply, key inventory.Key) Answer {
	a := Answer{Status: r.status, date: r.header.Get("Date")}
	switch s := r.status; {
	case s == http.StatusProxyAuthRequired:
		a.Verdict, a.Words = NotOurAPI, "a proxy wants a user and password: 407"
	case s/100 == 3:
		a.Verdict, a.Words = NotOurAPI, redirected(r)
	case s < 200 || s >= 600:
		a.Verdict, a.Words = NotOurAPI, "an answer that is not HTTP's: status "+statusText(s)
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		a.Verdict, a.Words = TokenBad, wordsOf(r)
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s == http.StatusTooManyRequests || s >= 500:
		a.Verdict, a.Words = Later, wordsOf(r)
		a.RetryAfter = retryAfter(r.header, a.ServerTime())
	case r.end == late:
		a.Verdict = Later // its caller knows why, and says so
	case s/100 == 2:
		judgeSuccess(&a, r, key)
	case r.end == cut:
		a.Verdict, a.Words = Later, "the answer broke off: "+statusText(s)
	default:
		judgeRefusal(&a, r, key)
	}
	a.Doubt = inDoubt(a, r)
	return a
}

// judgeSuccess judges a 2xx. Promise 2 of the package.
func judgeSuccess(a *Answer, r reply, key inventory.Key) {
	body := trimBody(r.body)
	switch {
	case r.end == tooLong:
		a.Verdict, a.Words = NotOurAPI, fmt.Sprintf("%s with more than %d MiB", statusText(r.status), maxBody>>20)
	case r.end == cut:
		a.Verdict, a.Words = NotOurAPI, "the answer broke off: "+statusText(r.status)
	case len(body) == 0 || string(body) == "{}":
		a.Verdict = Acknowledged
	case !json.Valid(body):
		a.Verdict, a.Words = NotOurAPI, notJSON(r)
	case !refuses(body):
		a.Verdict = Acknowledged
	default:
		judgeWords(a, r, key)
	}
}

// judgeRefusal judges a 4xx that means this update.
func judgeRefusal(a *Answer, r reply, key inventory.Key) {
	if isPage(r) {
		a.Verdict, a.Words = NotOurAPI, notJSON(r)
		return
	}
	judgeWords(a, r, key)
	if a.Verdict == Refused && r.status == http.StatusNotFound {
		a.Unknown = true
	}
}

// judgeWords tells a refusal that is the token's from one that is this update's.
func judgeWords(a *Answer, r reply, key inventory.Key) {
	a.Words = wordsOf(r)
	sentences := sentencesOf(a.Words, key)
	if blamesToken(sentences) {
		a.Verdict = TokenBad
		return
	}
	a.Verdict, a.Unknown = Refused, saysUnknown(sentences)
}

// inDoubt is promise 4 of the contract for an answer that came. Besides 408, 502 and 504 there are the statuses that
// proxies made up for a server that did not answer them (520, 522, 524, 598, 599), and the 2xx of a stranger in between:
// the update may have gone on to the API behind it.
func inDoubt(a Answer, r reply) bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout, 520, 522, 524, 598, 599:
		return true
	}
	return r.end == cut || r.end == late || a.Verdict == NotOurAPI && r.status < 300
}

// wordsOf returns the answer's words, or its status where it has none.
func wordsOf(r reply) string {
	if isPage(r) {
		return notJSON(r)
	}
	if words := said(trimBody(r.body)); words != "" {
		return words
	}
	return statusText(r.status)
}

// notJSON says what a body is that should have been JSON.
func notJSON(r reply) string {
	if isPage(r) {
		page := statusText(r.status) + " with an HTML page"
		if title := pageTitle(r.body); title != "" {
			page += " (" + title + ")"
		}
		return page + " where the API answers JSON: a login page, a proxy or another web server"
	}
	start := strings.TrimSpace(string(r.body[:min(len(r.body), 80)]))
	return statusText(r.status) + " with a body that is not JSON: " + start
}

func redirected(r reply) string {
	if to := r.header.Get("Location"); to != "" {
		return statusText(r.status) + ": points to " + to
	}
	return statusText(r.status) + ": points elsewhere"
}

// statusText returns a status in numbers and words: `404 Not Found`.
func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// retryAfter reads Retry-After: seconds, or a date that is judged by the answer's own clock, this machine's where it
// has none. What is neither, or lies in the past, is no wish.
func retryAfter(h http.Header, server time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if server.IsZero() {
		server = time.Now()
	}
	return min(max(0, at.Sub(server)), maxRetryAfter)
}
