package agent_test

import (
	"errors"
	"strings"
	"testing"

	"tillpost/agent"
)

func TestADeskTellsRecentExportsAndWhyThereIsNoLink(t *testing.T) {
	t.Parallel()
	s := newStore(t, "", "")
	end := s.live()
	s.drop("a.csv", upcA+",5")
	s.eventually(func() bool { return strings.Contains(s.log.String(), "export taken") })
	for _, running := range []bool{true, false} {
		d, err := agent.OpenDesk(t.Context(), s.config)
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.Recent(t.Context(), 50)
		if err != nil || len(list) != 1 || list[0].Name != "a.csv" || list[0].New != 1 || list[0].Taken.IsZero() {
			t.Errorf("running %t: got %+v, %v; want the one export", running, list, err)
		}
		if _, err = d.Link(t.Context()); err == nil || errors.Is(err, agent.ErrNotRunning) == running {
			t.Errorf("running %t: got %v", running, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if running {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	}
}
