package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	askWithin    = 10 * time.Second // what the agent may take to say how it is
	historyEvery = 30 * time.Second
	listsEvery   = time.Minute     // where the figures stay as they are
	listsSoonest = 5 * time.Second // where they change
	listsShare   = 20              // of the time at most one part is spent on reading them: there may be a million dead letters
)

// looks is what those that look at the page at the same time share, so that the agent is asked once for all of them. Nothing is
// kept while nobody looks on.
type looks struct {
	changes atomic.Int64 // what was done here; what was read before is old

	turn chan struct{} // holds one while somebody reads or writes what follows
	kept kept
}

// kept is what was read and rendered last.
type kept struct {
	changes   int64
	live      [2]rendered // without a session, with one
	history   History
	historyAt time.Time
	lists     lists
	listsOf   [4]int64 // the figures of the status that it was read at
	listsAt   time.Time
	listsTook time.Duration
}

// rendered is the live part of the page, and the page's title.
type rendered struct {
	html  []byte
	title string
	at    time.Time // zero = not yet
}

// forget lets go of all, because nobody looks on any more.
func (l *looks) forget() {
	l.turn <- struct{}{}
	l.kept = kept{}
	<-l.turn
}

// live is the live part of the page. Whoever asks within the second gets the same. It fails only with ctx.
func (p *Page) live(ctx context.Context, open bool) (rendered, error) {
	select {
	case p.looks.turn <- struct{}{}:
		defer func() { <-p.looks.turn }()
	case <-ctx.Done():
		return rendered{}, context.Cause(ctx)
	}
	k, which := &p.looks.kept, 0
	if open {
		which = 1
	}
	if changes := p.looks.changes.Load(); changes != k.changes {
		*k = kept{changes: changes, history: k.history, historyAt: k.historyAt}
	}
	if last := k.live[which]; !last.at.IsZero() && time.Since(last.at) < lookEvery {
		return last, nil
	}
	v := p.view(ctx, k, open)
	if err := context.Cause(ctx); err != nil {
		return rendered{}, err
	}
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, "live.html", v); err != nil {
		return rendered{}, fmt.Errorf("render the page: %w", err)
	}
	now := rendered{b.Bytes(), v.Title(), time.Now()}
	if k.live[which] = now; !p.watched() {
		*k = kept{changes: k.changes}
	}
	return now, nil
}

// view asks the agent for what the page shows.
func (p *Page) view(ctx context.Context, k *kept, open bool) view {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	s, err := p.opts.Status(ctx)
	if err != nil {
		s = Status{At: time.Now(), ETA: -1, State: "stopped", Problems: []Problem{{Code: "agent", Grade: Stops,
			What: "The agent does not answer.", Do: "If this stays so for a minute, run `tillpost status` on this machine.", Words: err.Error()}}}
	}
	v := newView(s, open)
	desk := p.desk()
	if v.Desk = desk != nil; !v.Desk {
		return v
	}
	p.readHistory(ctx, desk, k)
	v.Plots = plots(k.history)
	if open {
		p.refreshLists(ctx, desk, s, k)
		v.Lists = k.lists
	}
	return v
}

func (p *Page) readHistory(ctx context.Context, desk Desk, k *kept) {
	if !k.historyAt.IsZero() && time.Since(k.historyAt) < historyEvery {
		return
	}
	if h, err := desk.History(ctx); err == nil { // else the plots stay as they were
		k.history, k.historyAt = h, time.Now()
	}
}

// refreshLists reads the lists again where they are old, or the figures say that they have changed.
func (p *Page) refreshLists(ctx context.Context, desk Desk, s Status, k *kept) {
	of := [4]int64{s.Dead, s.Unknown, s.Held, s.Listed}
	if !k.listsAt.IsZero() {
		old := time.Since(k.listsAt)
		if old < max(listsSoonest, listsShare*k.listsTook) || old < listsEvery && of == k.listsOf {
			return
		}
	}
	select {
	case p.walks <- struct{}{}:
		defer func() { <-p.walks }()
	default:
		if k.listsAt.IsZero() {
			k.lists = lists{Wrong: "Others read long lists at the moment. These follow in a moment."}
		}
		return
	}
	begun := time.Now()
	k.lists, k.listsOf, k.listsAt = readLists(ctx, desk), of, time.Now()
	k.listsTook = k.listsAt.Sub(begun)
}
