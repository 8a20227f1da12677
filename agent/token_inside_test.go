package agent

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestATokenIsNotReadForEachRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		token, asked := "first", 0
		k := keepToken(func() (string, error) { asked++; return token, nil }, slog.New(slog.DiscardHandler))
		request := func(want string, times int) {
			t.Helper()
			if got, err := k.forRequest(); got != want || err != nil || asked != times {
				t.Errorf("got %q, %v, read %d times; want %q, read %d times", got, err, asked, want, times)
			}
		}
		request("first", 1)
		token = "second"
		request("first", 1)
		time.Sleep(tokenHolds)
		request("second", 2)
		token = "third"
		if k.look() != 2 {
			t.Error("a look takes the token that was read before")
		}
		request("third", 3)
	})
}
