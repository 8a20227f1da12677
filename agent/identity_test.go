package agent_test

import (
	"testing"
	"time"
)

// TestAUPCThatBecomesValidTakesOverWhatWaitsUnderTheSKU: what the POS said of the product while it had none must not
// arrive after what it says now.
func TestAUPCThatBecomesValidTakesOverWhatWaitsUnderTheSKU(t *testing.T) {
	const head = "UPC,Style,Size,Width,On Hand\n"
	for name, fault := range map[string]string{"waits": "", "in doubt": "hang,next=1,apply=90s"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, "", "", func(s *store) {
				s.line.cut.Store(fault == "")
				if fault != "" {
					inject(t, s.api, fault)
				}
				s.write("stock-1.csv", head+"n/a,ZOOT,34,D,5\n")
				s.start()
				pass(10 * time.Second)
				s.write("stock-2.csv", head+upcA+",ZOOT,34,D,3\n")
				pass(time.Minute) // until it is read
				s.line.cut.Store(false)
				pass(10 * time.Minute)
				// One product, whatever it is called: the last that was applied is what the shop shows.
				journal := s.api.Journal()
				last := journal[0]
				for _, r := range journal {
					if r.AppliedAt.After(last.AppliedAt) {
						last = r
					}
				}
				if last.Key.UPC != upcA || last.Quantity != 3 {
					t.Errorf("got %+v at the end, want the 3 of the UPC", last)
				}
				if fault == "" && len(journal) != 1 {
					t.Errorf("got %d requests, want the one for the UPC", len(journal))
				}
				if st := s.status(); st.Pending != 0 {
					t.Errorf("got %+v", st)
				}
				s.end()
			})
		})
	}
}
