//go:build browser

package main_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"tillpost/testkit"
)

// state is a way that the status page can be.
type state struct {
	name    string
	failure string // of failures, that brings it about; empty = begin
	begin   func(*testing.T) *shop
	happens func(*shop) // where there is no failure
	grade   string      // stops, needs, waits, notice or well
	title   string
	says    string // the sentence on top: a pattern
	does    string // what to do about it begins so
	also    string // what else there is to know begins so
	shown   []picture
}

// states are all grades, and each way to stop, that can be brought about with the real program.
var states = []state{
	{name: "no export has come", grade: "well", title: "All is well", says: `Ready\. No export has come yet\.`,
		begin: func(t *testing.T) *shop { return begun(t, "", "") }},
	{name: "all is well", grade: "well", title: "All is well", says: `All is well\. 60 products are up to date; the last export came just now\.`,
		shown: []picture{{"all-is-well", "", looks[0]}, {"all-is-well-phone", "", looks[3]}},
		begin: func(t *testing.T) *shop { return (&failure{}).begin(t) }},
	{name: "updates are on their way", grade: "well", title: "All is well", says: `All is well\. \d+ updates are on their way, all sent in about \d+ minutes\.`,
		begin: func(t *testing.T) *shop { return begun(t, "  rate: 1/s\n  burst: 1\n", "") }, happens: func(s *shop) { s.drop("stock-1.csv", full(400, fives)...) }},
	{name: "the token is bad", failure: "the token is not accepted", grade: "stops", title: "Stopped", shown: []picture{{"stopped", "", looks[0]}},
		says: `Stopped: the API does not accept the token\. Nothing is lost: 10 updates wait\.`, does: "Ask the API's operator for the token"},
	{name: "another answers", failure: "a guest network's page answers", grade: "stops", title: "Stopped",
		says: `Stopped: what answers is not the web shop's API\. Nothing is lost: 10 updates wait\.`, does: "Compare url in the config"},
	{name: "everything is refused", failure: "everything is refused", grade: "stops", title: "Stopped",
		says: `Stopped: the API refuses everything, also what it took before\. Nothing is lost: \d+ updates wait\.`, does: "Compare url, and the stores"},
	{name: "paused", failure: "sending is paused by command", grade: "needs", title: "Needs you",
		says: `Paused by command\. Nothing is lost: no update waits\.`, does: "tillpost resume, or the button"},
	{name: "an export is held", failure: "an export would empty the store", grade: "needs", title: "Needs you",
		says: `Needs you: an export is held, because it would change too much of the web shop\. All else goes on\.`, does: "Look at its figures."},
	{name: "no export comes", failure: "no export comes", grade: "needs", title: "Needs you",
		says: `Needs you: no export has come for longer than expected\. All else goes on\.`, does: "See whether the POS still writes"},
	{name: "the folder is gone", failure: "the folder is gone", grade: "needs", title: "Needs you",
		says: `Needs you: the folder of the exports cannot be read\. All else goes on\.`, does: "Make the folder"},
	{name: "an export is none", failure: "an export is none", grade: "needs", title: "Needs you",
		says: `Needs you: the last export could not be understood and has changed nothing\. All else goes on\.`, does: "tillpost preview with that export"},
	{name: "the config is bad", failure: "the config is edited badly", grade: "needs", title: "Needs you",
		says: `Needs you: the config was changed and cannot be taken up; the one before goes on\. All else goes on\.`, does: "tillpost check says"},
	{name: "no connection", failure: "there is no connection", grade: "waits", title: "Goes on by itself",
		says: `There is no connection to the API\. Nothing is lost: 10 updates wait, and it goes on by itself\.`, does: "See to this computer's network"},
	{name: "the API fails", failure: "the API fails", grade: "waits", title: "Goes on by itself",
		says: `The API is there and takes no updates\. Nothing is lost: 10 updates wait, and it goes on by itself\.`, does: "Where that lasts"},
	{name: "a product is not known", failure: "a product is not known", grade: "notice", title: "Good to know",
		says: `All is well but for 1 update that the web shop refuses\. 59 products are up to date; the last export came just now\.`, also: "The web shop does not know one product."},
	{name: "no agent works", grade: "stops", title: "Stopped", says: `Stopped: the outbox cannot be used\. Nothing is lost\.`, does: "Look after the disk",
		begin: func(t *testing.T) *shop { return (&failure{}).begin(t) },
		happens: func(s *shop) {
			must(s, os.Remove(s.path("data/outbox.db")))
			must(s, os.Mkdir(s.path("data/outbox.db"), 0o700))
		}},
}

// begun is a shop with a status page, whose agent runs.
func begun(t testing.TB, api, source string) *shop {
	t.Helper()
	s := newShop(t, api, source)
	edit(`listen: "off"`, `listen: "127.0.0.1:0"`)(s)
	if strings.Contains(api, "rate") {
		edit("  rate: unlimited\n", "")(s)
	}
	s.start()
	return s
}

// TestTheSentenceOnTopInEveryState lets each happen while two look on, one of whom is let in: both read it without doing
// anything, and what they see is for everybody.
func TestTheSentenceOnTopInEveryState(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		testkit.Lacks(t, "what is open cannot be moved away on Windows")
	}
	for _, c := range states {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin, happens := c.begin, c.happens
			for i := range failures {
				if f := &failures[i]; f.name == c.failure {
					begin, happens = func(t *testing.T) *shop { return f.begin(t) }, f.happens
				}
			}
			s := begin(t)
			stranger, owner := s.visit(t), s.visit(t)
			owner.comesIn()
			if happens != nil {
				happens(s)
			}
			stranger.isIn(c, looks[0], looks[3])
			owner.isIn(c, looks...)
			owner.isPictured(c.shown...)
		})
	}
}

// isIn reads a state, and looks at all of the page in each look.
func (v *visitor) isIn(c state, in ...look) {
	v.t.Helper()
	v.reads(c.says)
	v.sees("its grade", fmt.Sprintf("document.getElementById('verdict').className === %q && document.title === %q", "verdict "+c.grade, c.title+" · tillpost"))
	if next := v.text("#next"); !strings.HasPrefix(next, c.does) || c.does == "" && next != "" {
		v.t.Errorf("what to do: got %q, want %q", next, c.does)
	}
	if also := v.text("#problems"); !strings.Contains(also, c.also) || c.also == "" && also != "" {
		v.t.Errorf("what else there is to know: got %q, want %q", also, c.also)
	}
	v.isForEverybody(in...)
	v.reads(c.says) // still
}
