package agent

import (
	"log/slog"
	"strings"
	"sync"
)

// tokenKeeper gives the API's token as it is now. Once there was a good one, one that cannot be read any more (its file
// is gone, empty, open to others) is named, and the good one goes on.
type tokenKeeper struct {
	ask func() (string, error)

	mu      sync.Mutex
	good    string
	renewed int // how often good has changed
	trouble trouble
}

func keepToken(ask func() (string, error), log *slog.Logger) *tokenKeeper {
	return &tokenKeeper{ask: ask, trouble: trouble{log: log}}
}

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
		return token, nil
	case k.good != "":
		k.trouble.begin("the token cannot be read any more; the one before goes on", err)
		return k.good, nil
	}
	return "", err
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
