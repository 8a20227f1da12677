package outbox

import (
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// What was delivered, waited and failed over time is kept in a bucket of its own: the last 24 hours in spans of 5 minutes, the last
// 30 days in spans of an hour. The span that is under way lies in the state, which every transaction writes anyway; the rest is
// written by the first transaction after a span has ended. So nothing is written, and nobody wakes up, where nothing happens.
//
// It is not beside the state: bbolt writes a page whole, however long it is, and splits none of so few keys, so that every
// acknowledgement would write all of it again. The bucket is not in allBuckets: it is made once a span has ended, and a file
// without it is whole.

const (
	shortSpan = 5 * time.Minute
	longSpan  = time.Hour
	shortKept = 24 * time.Hour
	longKept  = 30 * 24 * time.Hour
)

var (
	bucketHistory = []byte("history")
	keyHistory    = []byte("spans")
)

// Span is what came of the requests of a span of time. A span in which nothing was written to the outbox is left out: what
// waited then is what waited at the end of the one before.
type Span struct {
	At        time.Time `json:"at"`  // its begin
	Delivered int64     `json:"d"`   // updates acknowledged in it
	Errors    int64     `json:"e"`   // requests in it that were refused or failed
	Waiting   int64     `json:"w"`   // updates that waited in it, at the most
	Left      int64     `json:"now"` // and at its end
}

// History is the spans that are kept, the oldest first.
type History struct {
	Day   []Span `json:"day"`   // of 5 minutes
	Month []Span `json:"month"` // of an hour
}

// History returns what is kept, the span under way included.
func (o *Outbox) History() (h History, err error) {
	var under Span
	err = o.view(func(tx *bbolt.Tx) error {
		var st state
		if err := getJSON(tx.Bucket(bucketMeta), keyState, &st); err != nil {
			return err
		}
		under = st.Span
		kept := tx.Bucket(bucketHistory)
		if kept == nil {
			return nil // no span has ended yet
		}
		return getJSON(kept, keyHistory, &h)
	})
	h.add(under)
	return h, err
}

// add adds a span, and drops what is too old. Where the clock was set back, what is of later than the span is of no time any more.
func (h *History) add(s Span) {
	if s.At.IsZero() {
		return
	}
	h.Day = addSpan(h.Day, s, shortKept)
	hour := s
	hour.At = s.At.Truncate(longSpan)
	if n := len(h.Month) - 1; n >= 0 && h.Month[n].At.Equal(hour.At) {
		hour.Delivered += h.Month[n].Delivered
		hour.Errors += h.Month[n].Errors
		hour.Waiting = max(hour.Waiting, h.Month[n].Waiting)
		h.Month = h.Month[:n]
	}
	h.Month = addSpan(h.Month, hour, longKept)
}

func addSpan(list []Span, s Span, kept time.Duration) []Span {
	list = slices.DeleteFunc(list, func(old Span) bool { return !old.At.Before(s.At) || s.At.Sub(old.At) >= kept })
	return append(list, s)
}

// note counts what a transaction has changed in the span under way, and lays the one before aside.
func (t *txn) note(before *state, now time.Time) error {
	st := &t.state
	at := now.UTC().Truncate(shortSpan)
	if !st.Span.At.Equal(at) {
		if err := t.laySpanAside(); err != nil {
			return err
		}
		st.Span = Span{At: at, Waiting: before.Pending}
	}
	st.Span.Delivered += st.Delivered - before.Delivered
	st.Span.Errors += st.Errors - before.Errors
	st.Span.Left = st.Pending
	st.Span.Waiting = max(st.Span.Waiting, st.Pending)
	return nil
}

func (t *txn) laySpanAside() error {
	if t.state.Span.At.IsZero() {
		return nil
	}
	var h History
	kept, err := t.tx.CreateBucketIfNotExists(bucketHistory)
	if err != nil {
		return err
	}
	if err := getJSON(kept, keyHistory, &h); err != nil && !errors.Is(err, ErrUnknown) {
		return err
	}
	h.add(t.state.Span)
	return putJSON(kept, keyHistory, h)
}
