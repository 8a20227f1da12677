package cli

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"tillpost/agent"
	"tillpost/dashboard"
	"tillpost/inventory"
	"tillpost/mockapi"
)

// seen is the answer to a GET of an address, empty where there is none.
func seen(url string) string {
	res, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body) // what came of it is compared
	return string(body)
}

func TestThePageIsServedOnceItsPortIsFree(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := taken.Addr().String()
	s := newStore(t, mockapi.Options{})
	s.edit("listen: off", "listen: "+at)
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	_, log, stop := start(t, "run", "--config", s.config)
	told := func() bool {
		st, ok := s.status()
		return ok && len(st.Problems) > 0 && st.Problems[len(st.Problems)-1].Code == agent.PageNotServed
	}
	eventually(t, "the status says so", told)
	eventually(t, "the agent works on", func() bool { return len(s.api.Quantities()) == 1 })
	if _, errs, code := s.run("open", "--print"); code != statusFailed || !strings.Contains(errs, "another program may have that port") {
		t.Errorf("open: got %d, %q", code, errs)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is served", func() bool { return strings.Contains(seen("http://"+at+"/"), "All is well.") })
	if st, ok := s.status(); !ok || told() || st.Page != "http://"+at+"/" {
		t.Errorf("got %+v", st)
	}
	out, errs, code := s.run("open", "--print")
	if code != statusDone || !strings.HasPrefix(out, "http://"+at+"/open/") {
		t.Errorf("open: got %d, %q, %q", code, out, errs)
	}
	if stop() != statusDone {
		t.Error("the agent did not stop in order")
	}
	if n := strings.Count(log.String(), "the status page cannot be served"); n != 1 {
		t.Errorf("it was told %d times, want once", n)
	}
	if strings.Contains(log.String(), "/open/") {
		t.Error("the link is in the log")
	}
	if seen("http://"+at+"/") != "" {
		t.Error("something is still served")
	}
}

func TestThePageOutlivesAnAgentThatFollowsOnAnother(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.edit("listen: off", "listen: 127.0.0.1:0")
	s.write("pos/.none", "") // the folder is there
	_, _, _ = start(t, "run", "--config", s.config)
	page := ""
	eventually(t, "it is served", func() bool {
		st, ok := s.status()
		page = st.Page
		return ok && strings.Contains(seen(page), "Ready. No export has come yet.")
	})
	s.write("new/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	s.edit("folder: pos", "folder: new")
	eventually(t, "the page tells of what the other has read", func() bool { return strings.Contains(seen(page), "1 product is up to date") })
}

func TestHealthIsWhatTheLoopsSay(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	s.edit("listen: off", "listen: 127.0.0.1:0")
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	_, _, stop := start(t, "run", "--config", s.config)
	eventually(t, "it is ready", func() bool {
		st, ok := s.status()
		if !ok || st.Page == "" {
			return false
		}
		body := seen(st.Page + "healthz/ready")
		return strings.Contains(body, `"ready":true`) && strings.Contains(body, `"name":"drain","ok":true`) && strings.Contains(body, `"name":"source main","ok":true`)
	})
	if stop() != statusDone {
		t.Error("the agent did not stop in order")
	}
}

func TestDeadLettersAreGroupedByWhatTheAPISaid(t *testing.T) {
	t.Parallel()
	letter := func(kind, upc string, status int, words string) *agent.DeadLetter {
		return &agent.DeadLetter{Kind: kind, Key: inventory.Key{UPC: upc, Store: "3"}, Status: status, Error: words}
	}
	group := func(l *agent.DeadLetter) string {
		id, words := groupOf(l)
		return id + " " + words
	}
	same := [][2]*agent.DeadLetter{
		{letter("unknown", "849632048260", 404, "no such product"), letter("unknown", "849632040011", 422, "I do not know 849632040011")},
		{letter("refused", "849632048260", 422, "849632048260 has 12 units too many"), letter("refused", "849632040011", 422, "849632040011 has 7 units too many")},
	}
	for _, pair := range same {
		if a, b := group(pair[0]), group(pair[1]); a != b {
			t.Errorf("got %q and %q, want one group", a, b)
		}
	}
	if a, b := group(same[0][0]), group(same[1][0]); a == b {
		t.Errorf("got %q twice, want two groups", a)
	}
	if a, b := group(same[1][0]), group(letter("refused", "849632048260", 409, same[1][0].Error)); a == b {
		t.Errorf("got %q for two statuses, want two groups", a)
	}
	if id, _ := groupOf(same[0][0]); id == otherGroup || len(id) != 16 {
		t.Errorf("got the id %q", id)
	}
}

func TestTheTailOfTheLogIsItsNewestLines(t *testing.T) {
	t.Parallel()
	var tail logTail
	if got := tail.lines(); len(got) != 0 {
		t.Errorf("got %q of nothing", got)
	}
	for n := range tailLines + 50 {
		fmt.Fprintf(&tail, "line %d\n", n)
	}
	got := tail.lines()
	if len(got) != tailLines || got[0] != "line 50" || got[tailLines-1] != fmt.Sprintf("line %d", tailLines+49) {
		t.Errorf("got %d lines from %q to %q", len(got), got[0], got[len(got)-1])
	}
	fmt.Fprintf(&tail, "%s\n", strings.Repeat("\xff", 3*tailLine))
	if last := tail.lines()[tailLines-1]; len(last) > 3*tailLine {
		t.Errorf("got a line of %d bytes", len(last))
	}
}

func TestThePageOfNoAgentSaysWhatKeepsItFromWork(t *testing.T) {
	t.Parallel()
	v := newVitals()
	v.notes.Note(agent.OutboxUnusable, "input/output error")
	f := &front{vitals: v}
	s, err := f.status(t.Context())
	text, grade := dashboard.Sentence(s)
	if err != nil || grade != dashboard.Stops || !strings.HasPrefix(text, "Stopped: the outbox cannot be used.") || f.desk() != nil {
		t.Errorf("got %q, %v, %v", text, grade, err)
	}
}
