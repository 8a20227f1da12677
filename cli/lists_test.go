package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tillpost/mockapi"
)

func TestListsAreTheSameOfARunningAgentAndAStoppedOne(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{Unknown: []string{"849632040042"}})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,849632040042,4\n3,849632040011,x\n7,849632048260,1\n")
	_, log, stop := start(t, "run", "--config", s.config)
	eventually(t, "the export is delivered", func() bool {
		status, ok := s.status()
		return ok && status.Delivered == 2 && status.Dead == 1 && status.Pending == 0
	})
	commands := [][]string{
		{"dead", "list"}, {"dead", "list", "--json"}, {"rejects"}, {"rejects", "--json"}, {"why", "849632048260"}, {"why", "849632040042", "--json"},
		{"why", "849632040011"}, {"why", "nothing"}, {"dead", "retry", "00000000000000aa"}, {"dead", "discard", "00000000000000aa", "--json"},
		{"resend", "--store", "12"}, {"resend", "nothing", "--json"},
	}
	all := func() (list []string) {
		for _, args := range commands {
			out, errs, code := runIn(t.Context(), append(args, "--config", s.config)...)
			list = append(list, fmt.Sprint(args, code, "\n", out, errs))
		}
		return list
	}
	running := all()
	if code := stop(); code != statusDone {
		t.Fatalf("run: got %d; its log:\n%s", code, log)
	}
	for i, stopped := range all() {
		if stopped != running[i] {
			t.Errorf("of the running agent\n%s\nof the stopped one\n%s", running[i], stopped)
		}
	}
	if !strings.Contains(running[0], "849632040042") || !strings.Contains(running[2], "is not a whole number") || !strings.Contains(running[4], "pos/stock.csv") {
		t.Errorf("got %s", running)
	}
}

func TestARunningAgentActsAtOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	if err := s.api.Inject(mockapi.Fault{Name: "404", Code: "849632040042", Count: 1}); err != nil {
		t.Fatal(err)
	}
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,849632040042,4\n")
	_, log, _ := start(t, "run", "--config", s.config)
	eventually(t, "one is delivered, one refused", func() bool {
		status, ok := s.status()
		return ok && status.Delivered == 1 && status.Dead == 1
	})
	out, errs, code := s.runAny("dead", "list", "--json")
	var dead struct{ ID string }
	if err := json.Unmarshal([]byte(out), &dead); err != nil || code != 0 {
		t.Fatalf("got %d, %q, %q, %v", code, out, errs, err)
	}
	if out, errs, code := s.runAny("dead", "retry", dead.ID); code != 0 || out != "1 dead letter is sent again, after everything else.\n" {
		t.Errorf("got %d, %q, %q", code, out, errs)
	}
	eventually(t, "the dead letter is delivered", func() bool {
		status, ok := s.status()
		return ok && status.Delivered == 2 && status.Dead == 0
	})
	if out, errs, code := s.runAny("resend", "849632040042"); code != 0 || out != "1 update is sent again.\n" {
		t.Errorf("got %d, %q, %q", code, out, errs)
	}
	if out, errs, code := s.runAny("resend", "--all", "--json"); code != 0 || out != `{"done":2}`+"\n" {
		t.Errorf("got %d, %q, %q", code, out, errs)
	}
	eventually(t, "they are delivered again", func() bool {
		status, ok := s.status()
		return ok && status.Delivered >= 4 && status.Pending == 0
	})
	if !strings.Contains(log.String(), `command="dead retry"`) || !strings.Contains(log.String(), "command=resend") {
		t.Errorf("the commands are not in the log:\n%s", log)
	}
}

// runAny is run for a command of two words.
func (s *store) runAny(args ...string) (stdout, stderr string, status int) {
	s.t.Helper()
	return runIn(s.t.Context(), append(args, "--config", s.config)...)
}
