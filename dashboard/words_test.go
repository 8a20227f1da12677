package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"tillpost/dashboard"
)

func TestTheSentence(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 12, 10, 0, 0, 0, time.UTC)
	problem := func(g dashboard.Grade, what string) []dashboard.Problem {
		return []dashboard.Problem{{Grade: g, What: what}}
	}
	export := now.Add(-4 * time.Minute)
	for _, c := range []struct {
		name   string
		status dashboard.Status
		want   string
		grade  dashboard.Grade
	}{
		{"nothing is wrong", dashboard.Status{Products: 18204, LastExport: export}, "All is well. 18,204 products are up to date; the last export came 4 minutes ago.", dashboard.Well},
		{"one product", dashboard.Status{Products: 1, LastExport: now.Add(-time.Minute)}, "All is well. 1 product is up to date; the last export came 1 minute ago.", dashboard.Well},
		{"a million products", dashboard.Status{Products: 1234567, LastExport: now.Add(-time.Second)}, "All is well. 1,234,567 products are up to date; the last export came just now.", dashboard.Well},
		{"an hour", dashboard.Status{Products: 999, LastExport: now.Add(-100 * time.Minute)}, "All is well. 999 products are up to date; the last export came 2 hours ago.", dashboard.Well},
		{"days", dashboard.Status{Products: 2, LastExport: now.Add(-100 * time.Hour)}, "All is well. 2 products are up to date; the last export came 4 days ago.", dashboard.Well},
		{"an export without products", dashboard.Status{LastExport: export}, "All is well. The last export came 4 minutes ago.", dashboard.Well},
		{"no export", dashboard.Status{}, "Ready. No export has come yet.", dashboard.Well},
		{"updates wait", dashboard.Status{Pending: 412, ETA: 110 * time.Second, LastExport: export}, "All is well. 412 updates are on their way, all sent in about 2 minutes.", dashboard.Well},
		{"one update waits", dashboard.Status{Pending: 1, ETA: time.Second, LastExport: export}, "All is well. 1 update is on its way, all sent in less than a minute.", dashboard.Well},
		{"nobody knows how long", dashboard.Status{Pending: 1000, ETA: -1, LastExport: export}, "All is well. 1,000 updates are on their way.", dashboard.Well},
		{"something is good to know", dashboard.Status{Products: 5, LastExport: export, Problems: problem(dashboard.Notice, "The clock is odd.")}, "All is well. 5 products are up to date; the last export came 4 minutes ago.", dashboard.Notice},
		{"some is refused", dashboard.Status{Products: 5, Dead: 1, LastExport: export, Problems: problem(dashboard.Notice, "One is refused.")}, "All is well but for 1 update that the web shop refuses. 5 products are up to date; the last export came 4 minutes ago.", dashboard.Notice},
		{"some fails while others wait", dashboard.Status{Pending: 7, ETA: -1, Failing: 2, Listed: 1, LastExport: export, Problems: problem(dashboard.Notice, "Some fail.")}, "All is well but for 2 updates that keep failing and 1 row that was left out. 7 updates are on their way.", dashboard.Notice},
		{"some of everything", dashboard.Status{Products: 1, Dead: 2000, Failing: 1, Listed: 3, LastExport: export, Problems: problem(dashboard.Notice, "Some.")}, "All is well but for 2,000 updates that the web shop refuses, 1 update that keeps failing and 3 rows that were left out. 1 product is up to date; the last export came 4 minutes ago.", dashboard.Notice},
		{"stopped", dashboard.Status{Pending: 412, Problems: problem(dashboard.Stops, "The API does not accept the token.")}, "Stopped: the API does not accept the token. Nothing is lost: 412 updates wait.", dashboard.Stops},
		{"stopped, one waits", dashboard.Status{Pending: 1, Problems: problem(dashboard.Stops, "API keys are over.")}, "Stopped: API keys are over. Nothing is lost: 1 update waits.", dashboard.Stops},
		{"stopped, nothing waits", dashboard.Status{Problems: problem(dashboard.Stops, "A disk is full.")}, "Stopped: a disk is full. Nothing is lost: no update waits.", dashboard.Stops},
		{"stopped and paused", dashboard.Status{Paused: true, Problems: problem(dashboard.Stops, "The disk is full.")}, "Stopped: the disk is full. Nothing is lost: no update waits.", dashboard.Stops},
		{"the gravest is not the first", dashboard.Status{Problems: append(problem(dashboard.Notice, "No."), problem(dashboard.Stops, "The disk is full.")...)}, "Stopped: the disk is full. Nothing is lost: no update waits.", dashboard.Stops},
		{"paused", dashboard.Status{Paused: true, Pending: 2}, "Paused by command. Nothing is lost: 2 updates wait.", dashboard.Needs},
		{"paused, which is a problem too", dashboard.Status{Paused: true, Problems: []dashboard.Problem{{Code: "paused", Grade: dashboard.Stops, What: "It is paused."}}}, "Paused by command. Nothing is lost: no update waits.", dashboard.Needs},
		{"needs somebody", dashboard.Status{Problems: problem(dashboard.Needs, "An export is held.")}, "Needs you: an export is held. All else goes on.", dashboard.Needs},
		{"needs somebody while updates wait", dashboard.Status{Pending: 1200, Problems: problem(dashboard.Needs, "An export is held.")}, "Needs you: an export is held. All else goes on: 1,200 updates are on their way.", dashboard.Needs},
		{"waits", dashboard.Status{Problems: problem(dashboard.Waits, "No connection to the API.")}, "No connection to the API. Nothing is lost, it goes on by itself.", dashboard.Waits},
		{"waits with updates", dashboard.Status{Pending: 412, Problems: problem(dashboard.Waits, "No connection to the API.")}, "No connection to the API. Nothing is lost: 412 updates wait, and it goes on by itself.", dashboard.Waits},
		{"between two agents", dashboard.Status{State: "stopped"}, "The agent is starting. Nothing is lost, it goes on by itself.", dashboard.Waits},
		{"the outbox cannot be opened", dashboard.Status{State: "stopped", Problems: problem(dashboard.Stops, "The outbox cannot be used.")}, "Stopped: the outbox cannot be used. Nothing is lost.", dashboard.Stops},
		{"paused by itself", dashboard.Status{State: "paused", Pending: 1}, "Sending pauses, and tries again in a while. Nothing is lost: 1 update waits, and it goes on by itself.", dashboard.Waits},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.status.At = now
			text, grade := dashboard.Sentence(c.status)
			if text != c.want || grade != c.grade {
				t.Errorf("got  %q, grade %d\nwant %q, grade %d", text, grade, c.want, c.grade)
			}
		})
	}
}

func TestTheNextStepIsThatOfWhatTheSentenceTellsAndTheOthersFollow(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	d.status.Problems = []dashboard.Problem{
		{Code: "token", Grade: dashboard.Stops, What: "The API does not accept the token.", Do: "Run `tillpost token set`."},
		{Code: "held", Grade: dashboard.Needs, What: "An export is held.", Do: "Look at it."},
	}
	_, text := get(t, newPage(t, d), "/")
	next, others, found := strings.Cut(text, `id="problems"`)
	if !found || !strings.Contains(next, `<p id="next">Run <code>tillpost token set</code>.</p>`) || strings.Contains(others, "does not accept") || !strings.Contains(others, "An export is held.") {
		t.Errorf("got %s", text)
	}
}

func TestBetweenTwoAgentsNoFiguresAreShown(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	d.status = dashboard.Status{State: "stopped", ETA: -1}
	p := newPage(t, d)
	if _, text := get(t, p, "/"); strings.Contains(text, `id="figures"`) || !strings.Contains(text, "The agent is starting.") {
		t.Errorf("got %s", text)
	}
	_, text := get(t, p, "/metrics")
	if !strings.Contains(text, `tillpost_state{state="stopped"} 1`) {
		t.Errorf("got %s", text)
	}
	for _, name := range []string{"tillpost_updates_delivered_total", "tillpost_rejects_total", "tillpost_updates_pending", "tillpost_exports_held"} {
		if strings.Contains(text, "\n"+name) { // a counter at 0 counts all of it again afterwards
			t.Errorf("%s is there", name)
		}
	}
}

func TestAProblemNamesItsSource(t *testing.T) {
	t.Parallel()
	d := newDesk(time.Now())
	d.status.Problems = []dashboard.Problem{
		{Code: "overdue", Grade: dashboard.Needs, Source: "<shop>", What: "No export has come."},
		{Code: "overdue", Grade: dashboard.Needs, Source: "warehouse", What: "No export has come."},
	}
	_, text := get(t, newPage(t, d), "/")
	for _, want := range []string{`<p id="about">Source <b>&lt;shop&gt;</b></p>`, "<strong>warehouse: No export has come.</strong>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
}

func TestWhoPausedIsToldHowToGoOn(t *testing.T) {
	t.Parallel()
	for _, problems := range [][]dashboard.Problem{
		nil,
		{{Code: "held", Grade: dashboard.Needs, What: "An export is held."}},
		{{Code: "held", Grade: dashboard.Needs, What: "An export is held."}, {Code: "paused", Grade: dashboard.Needs, What: "It pauses by command.", Do: "Run `tillpost resume`."}},
	} {
		d := newDesk(time.Now())
		d.status.Paused, d.status.Problems = true, problems
		_, text := get(t, newPage(t, d), "/")
		if !strings.Contains(text, "Paused by command.") || !strings.Contains(text, "un <code>tillpost resume</code>") || strings.Contains(text, "It pauses by command.") {
			t.Errorf("%v: got %s", problems, text)
		}
		if strings.Contains(text, "An export is held.") != (problems != nil) {
			t.Errorf("%v: the other problem is not told", problems)
		}
	}
}
