package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent"
	"tillpost/dashboard"
)

// problem is the problem of a kind that the status tells, nil = none.
func (s *store) problem(code string) *agent.Problem {
	s.t.Helper()
	st := s.status()
	for i := range st.Problems {
		if st.Problems[i].Code == code {
			return &st.Problems[i]
		}
	}
	return nil
}

func TestASourceIsOverdueOnceNoExportHasComeForLongerThanExpected(t *testing.T) { // I21
	inBubble(t, "", "    expect: 26h\n", func(s *store) {
		isOverdue := func(want bool, when string) {
			s.t.Helper()
			st, p := s.status(), s.problem("overdue")
			ok, _ := s.agent.Well()
			if st.Sources[0].Overdue != want || (p != nil) != want || ok == want {
				s.t.Errorf("%s: got overdue %t, %+v, all is well %t; want %t", when, st.Sources[0].Overdue, p, ok, want)
			}
			if p != nil && (p.Source != "main" || p.Grade != dashboard.Needs || !strings.HasPrefix(p.Do, "See whether the POS")) {
				s.t.Errorf("%s: got %+v", when, p)
			}
		}
		s.start()
		s.drop("stock.csv", upcA+",12")
		pass(26 * time.Hour)
		isOverdue(false, "when it is about to be")
		pass(time.Minute)
		isOverdue(true, "26 hours after the export")
		if n := s.lines("the source is overdue"); n != 1 {
			s.t.Errorf("it was told %d times, want once", n)
		}
		s.end()

		pass(time.Hour)
		s.start() // in the morning
		pass(59 * time.Minute)
		isOverdue(false, "within an hour after a start")
		pass(2 * time.Minute)
		isOverdue(true, "an hour after it")
		s.drop("stock.csv", upcA+",12") // the same bytes: nothing was sold, and the POS lives
		pass(time.Minute)
		isOverdue(false, "after an export that is no news")
		if n := s.lines("an export has come again"); n != 1 {
			s.t.Errorf("its end was told %d times, want once", n)
		}
		s.end()
		s.start()
		pass(25 * time.Hour)
		isOverdue(false, "a day after the export that was no news, over a restart")
		pass(2 * time.Hour)
		isOverdue(true, "27 hours after it")
		s.end()
	})
}

func TestASourceWithoutAnExportIsOverdueSinceItsFirstLook(t *testing.T) {
	inBubble(t, "", "    expect: 30h\n", func(s *store) {
		for range 2 { // days, with a night between
			s.start()
			pass(12 * time.Hour)
			s.end()
			pass(12 * time.Hour)
		}
		s.start()
		pass(2 * time.Hour)
		if s.problem("overdue") == nil {
			s.t.Error("no export has come for 50 hours, and nothing is told of that")
		}
		s.end()
	})
}

func TestWhatHealsByItselfIsForAPersonOnceItLasts(t *testing.T) { // I21
	inBubble(t, "", "", func(s *store) {
		s.line.cut.Store(true)
		s.start()
		s.drop("stock.csv", upcA+",12")
		pass(time.Minute)
		p := s.problem("no_connection")
		ok, _ := s.agent.Well()
		if p == nil || p.Grade != dashboard.Waits || !ok {
			s.t.Errorf("after a minute: got %+v, all is well %t; want a problem that heals by itself", p, ok)
		}
		pass(15 * time.Minute)
		ok, why := s.agent.Well()
		if p = s.problem("no_connection"); p == nil || p.Grade != dashboard.Needs || ok || why != "There is no connection to the API. Waiting updates: 1." {
			s.t.Errorf("after 16 minutes: got %+v, all is well %t, %q", p, ok, why)
		}
		s.line.cut.Store(false)
		pass(2 * time.Minute)
		if ok, why = s.agent.Well(); !ok || s.status().Settled != 1 {
			s.t.Errorf("with a connection: got %q and %+v", why, s.status())
		}
		s.end()
	})
}

func TestNotesAreTold(t *testing.T) {
	t.Parallel()
	var n agent.Notes
	n.Note(agent.ConfigRefused, "line 3")
	n.Note(agent.LogNotWritten, "disk full")
	n.Note(agent.ConfigRefused, "line 4")
	list := n.Problems()
	if len(list) != 2 || list[0].Code != agent.ConfigRefused || list[0].Words != "line 4" || list[0].Since.IsZero() {
		t.Errorf("got %+v", list)
	}
	n.Note(agent.ConfigRefused, "")
	if list = n.Problems(); len(list) != 1 || list[0].Code != agent.LogNotWritten {
		t.Errorf("after one is over: got %+v", list)
	}
	var none *agent.Notes
	none.Note(agent.ConfigRefused, "x")
	if got := none.Problems(); got != nil {
		t.Errorf("got %+v of nobody", got)
	}
}

func TestWhereTheAPIHasTakenNothingYetSomebodyMustLook(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		inject(t, s.api, "422")
		s.start()
		s.drop("stock.csv", upcA+",12", upcB+",3")
		pass(time.Hour)
		if well, why := s.agent.Well(); well || why != "The API has refused 2 updates for good." {
			t.Errorf("got %t, %q, want it to need somebody", well, why)
		}
		s.api.ClearFaults()
		s.drop("stock-2.csv", upcC+",4")
		pass(time.Minute)
		inject(t, s.api, "422")
		s.drop("stock-3.csv", upcC+",5")
		pass(time.Minute)
		if well, why := s.agent.Well(); !well {
			t.Errorf("got %q, want nothing to need somebody where others were taken", why)
		}
		s.end()
	})
}

func TestTheNewestExportOfASourceIsKnownHoweverOftenOthersExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newStore(t, "", "  - name: other\n    folder: "+dir+"\n    defaults: {store: \"4\"}\n")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		if err := os.WriteFile(filepath.Join(dir, "once.csv"), []byte("UPC,Quantity\n"+upcA+",5\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		for i := range 301 {
			s.drop("often.csv", fmt.Sprintf("%s,%d", upcB, i+1))
			pass(time.Minute)
		}
		by, err := s.agent.Exports(10)
		if err != nil || len(by["main"]) != 10 || len(by["other"]) != 1 || by["other"][0].Name != "once.csv" || by["other"][0].New != 1 {
			t.Errorf("got %d of main and %+v of the other, %v; want 10 and once.csv", len(by["main"]), by["other"], err)
		}
		s.end()
	})
}

func TestWithoutARateNobodyCanTellHowLongItTakes(t *testing.T) {
	t.Parallel()
	s := newStore(t, "  rate: unlimited\n", "")
	synctest.Test(t, func(t *testing.T) {
		s.t = t
		s.start()
		s.api.SetLatency(10*time.Second, 0)
		s.drop("stock.csv", upcA+",12", upcB+",3")
		pass(35 * time.Second)
		if st := s.status(); st.Pending != 2 || st.State != "running" || st.ETA != nil {
			t.Errorf("while two wait: got %+v", st)
		}
		pass(time.Minute)
		if st := s.status(); st.Pending != 0 || st.ETA == nil || *st.ETA != 0 {
			t.Errorf("while nothing waits: got %+v", st)
		}
		s.end()
	})
}
