package mockapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mockapi"
)

// TestAHistoryIsJudged: each rule sees what breaks it, and nothing where none does.
func TestAHistoryIsJudged(t *testing.T) {
	t.Parallel()
	const shoes, boots = "849632048260", "036000291452"
	type post struct {
		at   time.Duration
		code string
		n    int
	}
	steady := []post{{0, shoes, 3}, {0, boots, 3}, {time.Second, shoes, 3}, {2 * time.Second, shoes, 4}, {3 * time.Second, boots, 9}}
	for name, c := range map[string]struct {
		posts []post
		rules mockapi.Rules
		want  string // "" = nothing is wrong
	}{
		"nothing is wrong":        {steady, mockapi.Rules{Rate: 1, Burst: 2, Rising: true, Said: func(mockapi.Key, int64) bool { return true }}, ""},
		"no rules":                {[]post{{0, shoes, 9}, {0, shoes, 1}}, mockapi.Rules{}, ""},
		"an older quantity":       {[]post{{0, shoes, 3}, {1, boots, 2}, {2, shoes, 2}}, mockapi.Rules{Rising: true}, "#3 says 2 units, which is older than the 3 of #1"},
		"older than before":       {[]post{{0, shoes, 3}, {2, shoes, 2}}, mockapi.Rules{Rising: true, After: 1}, "#2 says 2 units"},
		"judged before":           {[]post{{0, shoes, 3}, {2, shoes, 2}}, mockapi.Rules{Rising: true, After: 2}, ""},
		"a burst that is too big": {[]post{{0, shoes, 3}, {0, shoes, 3}, {0, shoes, 3}}, mockapi.Rules{Rate: 1, Burst: 2}, "#3 came 1s too early"},
		"a rate that is too high": {[]post{{0, shoes, 3}, {0, shoes, 3}, {900 * time.Millisecond, shoes, 3}}, mockapi.Rules{Rate: 1, Burst: 2}, "#3 came 100ms too early"},
		"an uneven network":       {[]post{{0, shoes, 3}, {0, shoes, 3}, {900 * time.Millisecond, shoes, 3}}, mockapi.Rules{Rate: 1, Burst: 2, Haste: 100 * time.Millisecond}, ""},
		"each second is right, two are not": {[]post{{0, shoes, 1}, {999 * time.Millisecond, shoes, 1}, {time.Second, shoes, 1}, {1999 * time.Millisecond, shoes, 1}},
			mockapi.Rules{Rate: 1, Burst: 2}, "#4 came 1ms too early"},
		"noise":                       {steady, mockapi.Rules{Silent: []mockapi.Span{{To: time.Unix(0, 0)}, span(1500*time.Millisecond, 2500*time.Millisecond)}}, "#4 came 500ms after there should have been silence"},
		"silence":                     {steady, mockapi.Rules{Silent: []mockapi.Span{span(1, time.Second), span(2*time.Second+1, 3*time.Second)}}, ""},
		"a quantity of nobody":        {steady, mockapi.Rules{Said: func(_ mockapi.Key, n int64) bool { return n != 9 }}, "nobody said 9 units of upc 036000291452, store 3, which #5 does"},
		"a journal that is too short": {append(steady, steady...), mockapi.Rules{After: 1}, "begins with #3"},
		"against the contract":        {[]post{{0, shoes, -3}}, mockapi.Rules{}, "#1: 422"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mockapi.New(mockapi.Options{Journal: 8})
				client := &http.Client{Transport: s.Transport()}
				for _, p := range c.posts {
					time.Sleep(time.Until(epoch.Add(p.at)))
					res, err := client.Do(request(context.Background(), t, "http://api.test", fmt.Sprintf(`{"upc":%q,"store":"3","quantity":%d}`, p.code, p.n)))
					if err != nil {
						t.Fatal(err)
					}
					_ = res.Body.Close()
				}
				got := s.Judge(c.rules)
				if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

// epoch is when each bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func span(from, to time.Duration) mockapi.Span {
	return mockapi.Span{From: epoch.Add(from), To: epoch.Add(to)}
}
