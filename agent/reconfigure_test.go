package agent_test

import (
	"testing"
	"time"

	"tillpost/mockapi"
)

// moveTo gives the store's agent, from its next start on, another API at another URL.
func (s *store) moveTo(url string, api *mockapi.Server) {
	s.t.Helper()
	s.reconfigure("url: "+s.config.API.URL[:len(s.config.API.URL)-len(mockapi.Path)], "url: "+url)
	s.api = api
	s.line.api = api.Transport()
}

// TestAnotherURLGetsEveryLastWantedQuantity: what was acknowledged, what waits, what was refused and what is in doubt. The
// old API gets nothing any more, and once the URL is the old one again, all of it.
func TestAnotherURLGetsEveryLastWantedQuantity(t *testing.T) { // A18, I9
	inBubble(t, "", "", func(s *store) {
		old, other := s.api, mockapi.New(mockapi.Options{Token: goodToken, Journal: 100, ClientTimeout: s.config.API.Timeout})
		const upcD = "036000241457"
		inject(s.t, old, "422,code="+upcB)
		inject(s.t, old, "500,code="+upcC)
		s.start()
		s.drop("stock-1.csv", upcA+",12", upcB+",3", upcC+",4", upcD+",1")
		pass(10 * time.Minute)
		s.want(map[string]int64{upcA: 12, upcD: 1})
		inject(s.t, old, "hang,code="+upcD)
		s.drop("stock-2.csv", upcA+",12", upcB+",3", upcC+",4", upcD+",2")
		pass(2 * time.Minute)
		if st := s.status(); st.Pending != 2 || st.Dead != 1 {
			s.t.Errorf("got %+v, want two to wait and one refused", st)
		}
		s.end()
		before := old.Counters().Requests
		s.moveTo("http://127.0.0.1:2", other)
		s.start()
		pass(20 * time.Minute)
		s.want(map[string]int64{upcA: 12, upcB: 3, upcC: 4, upcD: 2})
		if st := s.status(); st.Pending != 0 || st.Dead != 0 {
			s.t.Errorf("got %+v, want nothing left", st)
		}
		for _, item := range other.State().Items {
			if item.Applied != 1 {
				s.t.Errorf("%v was sent %d times, want once", item.Key, item.Applied)
			}
		}
		s.drop("stock-3.csv", upcA+",11", upcB+",3", upcC+",4", upcD+",2")
		pass(time.Minute)
		s.want(map[string]int64{upcA: 11, upcB: 3, upcC: 4, upcD: 2})
		s.end()
		if n := old.Counters().Requests; n != before {
			s.t.Errorf("the old API got %d requests", n-before)
		}
		old.ClearFaults()
		s.moveTo("http://127.0.0.1:1", old)
		s.start()
		pass(time.Minute)
		s.want(map[string]int64{upcA: 11, upcB: 3, upcC: 4, upcD: 2})
		s.end()
	})
}
