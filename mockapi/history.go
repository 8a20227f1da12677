package mockapi

import (
	"fmt"
	"slices"
	"time"
)

// Rules are what a client's requests must keep to as well, where somebody knows more of it than the contract says.
type Rules struct {
	After  uint64        // only requests after the one of this number are judged
	Rate   float64       // a second; 0 = any
	Burst  int           // with Rate: in every time t at most Burst + Rate * t requests come
	Haste  time.Duration // with Rate: by how much the network may bring requests closer together than they left
	Silent []Span        // times in which none comes
	Rising bool          // each key's quantities rise with time: a smaller one is older

	// Said tells whether anybody has ever said this quantity of the key; nil = any.
	Said func(Key, int64) bool
}

// Span is the time from From on until before To.
type Span struct{ From, To time.Time }

// Judge returns what the clients did against the contract, as Check does, and against the rules, in words, none if nothing. The
// journal must reach back to the first request that counts.
func (s *Server) Judge(rules Rules) []string {
	list, journal := s.Check(), s.Journal()
	if len(journal) > 0 && journal[0].Seq > rules.After+1 {
		list = append(list, fmt.Sprintf("the journal begins with #%d: what came between it and #%d cannot be judged", journal[0].Seq, rules.After))
	}
	found := slices.Concat(rules.wrong(journal), rules.tooFast(slices.DeleteFunc(journal, func(r Record) bool { return r.Seq <= rules.After })))
	if len(found) > maxViolations {
		found = append(found[:maxViolations], fmt.Sprintf("and %d more", len(found)-maxViolations))
	}
	return append(list, found...)
}

// wrong looks at each request of a journal, in the order of their arrival.
func (r *Rules) wrong(journal []Record) (list []string) {
	newest := map[Key]Record{}
	for _, now := range journal {
		was, ok := newest[now.Key]
		newest[now.Key] = now
		if now.Seq <= r.After {
			continue
		}
		for _, still := range r.Silent {
			if !now.At.Before(still.From) && now.At.Before(still.To) {
				list = append(list, fmt.Sprintf("#%d came %v after there should have been silence", now.Seq, now.At.Sub(still.From)))
			}
		}
		if now.Key == (Key{}) {
			continue
		}
		if r.Said != nil && !r.Said(now.Key, now.Quantity) {
			list = append(list, fmt.Sprintf("nobody said %d units of %s, which #%d does", now.Quantity, now.Key, now.Seq))
		}
		if r.Rising && ok && now.Quantity < was.Quantity {
			list = append(list, fmt.Sprintf("of %s #%d says %d units, which is older than the %d of #%d", now.Key, now.Seq, now.Quantity, was.Quantity, was.Seq))
		}
	}
	return list
}

// tooFast finds requests that left a bucket of Burst that Rate fills.
func (r *Rules) tooFast(journal []Record) (list []string) {
	if r.Rate == 0 {
		return nil
	}
	room, last := float64(r.Burst), time.Time{}
	for _, now := range slices.SortedStableFunc(slices.Values(journal), func(a, b Record) int { return a.At.Compare(b.At) }) {
		if !last.IsZero() {
			room = min(float64(r.Burst), room+r.Rate*now.At.Sub(last).Seconds())
		}
		if room--; room < -r.Rate*r.Haste.Seconds()-1e-6 {
			list = append(list, fmt.Sprintf("#%d came %v too early for %g requests a second and %d at once",
				now.Seq, time.Duration(-room/r.Rate*1e9).Round(time.Microsecond), r.Rate, r.Burst))
			room = max(room, 0) // one that is too early makes not all that follow so
		}
		last = now.At
	}
	return list
}
