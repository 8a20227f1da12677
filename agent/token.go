package agent

import (
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tokenHolds is for how long requests take the token that was read last: a look at its file for each of them would cost more
// than the API's answer does, and they would wait for each other.
const tokenHolds = 100 * time.Millisecond

// tokenKeeper gives the API's token as it is now. Once there was a good one, one that cannot be read any more (its file
// is gone, empty, open to others) is named, and the good one goes on.
type tokenKeeper struct {
	ask  func() (string, error)
	last atomic.Pointer[readToken]

	mu      sync.Mutex
	good    string
	renewed int // how often good has changed
	trouble trouble
}

// readToken is a token and when it was read.
type readToken struct {
	token string
	at    time.Time
}

func keepToken(ask func() (string, error), log *slog.Logger) *tokenKeeper {
	return &tokenKeeper{ask: ask, trouble: trouble{log: log}}
}

// forRequest is the token for a request: that of a moment ago, or as it is now.
func (k *tokenKeeper) forRequest() (string, error) {
	if last := k.last.Load(); last != nil && time.Since(last.at) < tokenHolds {
		return last.token, nil
	}
	return k.token()
}

// token reads the token.
func (k *tokenKeeper) token() (string, error) {
	token, err := k.ask()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil:
		if k.good != "" && k.good != token {
			k.renewed++
		}
		k.good = token
		k.trouble.end("the token can be read again")
	case k.good != "":
		k.trouble.begin("the token cannot be read any more; the one before goes on", err)
	default:
		return "", err
	}
	k.last.Store(&readToken{k.good, time.Now()})
	return k.good, nil
}

// problems says so where the token cannot be read any more.
func (k *tokenKeeper) problems() []Problem {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trouble.since.IsZero() {
		return nil
	}
	return []Problem{problem(badTokenFile, "", "", k.trouble.since)}
}

// look reads the token and says how often it has changed.
func (k *tokenKeeper) look() (renewed int) {
	_, _ = k.token() // an error is told by whoever needs the token
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.renewed
}

// redact takes the token out of a text that came from elsewhere: a file with the token in it may lie in a watched folder.
// Promise 11 of the contract.
func (k *tokenKeeper) redact(text string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.good == "" {
		return text
	}
	return strings.ReplaceAll(text, k.good, "[the token]")
}
