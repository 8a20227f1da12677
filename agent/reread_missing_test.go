package agent_test

import (
	"testing"
	"time"
)

func TestWhatWentToZeroBecauseItIsMissingStaysSoWhenTheMappingIsEdited(t *testing.T) { // O2, missing: zero
	inBubble(t, "  rate: unlimited\n", "    missing: zero\n    missing_after: 1\n    stores: {Main: \"3\"}\n", func(s *store) {
		s.start()
		s.write("stock.csv", inStore("Main", 0, 20, all(3)))
		pass(time.Minute)
		s.pause(true)
		s.write("stock.csv", inStore("Main", 0, 19, all(3)))
		pass(time.Minute)
		if st := s.status(); st.Pending != 1 {
			t.Fatalf("%d updates wait, want the one to 0", st.Pending)
		}
		s.end()
		s.reconfigure(`{Main: "3"}`, `{Main: "3", Side: "4"}`)
		s.start()
		pass(time.Minute)
		s.pause(false)
		pass(time.Minute)
		s.wantAt(inThree(19), 0)
		if list := s.unnamed("stock.csv"); list != nil {
			t.Errorf("got the list %q, want none", list)
		}
		s.end()
	})
}
