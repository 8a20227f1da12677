package cli

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/dashboard"
	"tillpost/outbox"
)

// pageDesk is what is behind the status page, of an agent that works.
type pageDesk struct {
	agent  *agent.Agent
	config *config.Config
	log    *logTail
}

func (d *pageDesk) Pause(_ context.Context, paused bool) error { return d.agent.Pause(paused) }

func (d *pageDesk) Log() []string { return d.log.lines() }

func (d *pageDesk) RejectWords(class string) string { return reasonText(class) }

func (d *pageDesk) Held(ctx context.Context) (list []dashboard.Held, err error) {
	held, err := d.agent.Desk().Held(ctx, "")
	for _, h := range held {
		one := dashboard.Held{ID: h.ID, Source: h.Source, Export: h.Export, At: h.At, Rows: h.Rows, Why: strings.TrimSuffix(h.Error, ".") + ".", Released: h.Released}
		for _, f := range h.Stores {
			one.Stores = append(one.Stores, dashboard.HeldStore{Store: f.Store, Known: f.Known, Stocked: f.Stocked, Zero: f.Zero, Changed: f.Changed, Missing: f.Missing})
		}
		list = append(list, one)
	}
	return list, err
}

func (d *pageDesk) ActHeld(ctx context.Context, id string, release bool) (done bool, err error) {
	act := d.agent.Desk().DiscardHeld
	if release {
		act = d.agent.Desk().ReleaseHeld
	}
	acted, err := act(ctx, agent.Which{IDs: []string{id}})
	return acted.Done > 0, err
}

// deadLetters are all dead letters.
func (d *pageDesk) deadLetters(ctx context.Context) iter.Seq2[agent.DeadLetter, error] {
	desk := d.agent.Desk()
	return pages(func(after string) ([]agent.DeadLetter, string, error) {
		if err := ctx.Err(); err != nil {
			return nil, "", context.Cause(ctx)
		}
		page, err := desk.Dead(ctx, after)
		return page.List, page.Next, err
	})
}

func (d *pageDesk) Dead(ctx context.Context) iter.Seq2[dashboard.Dead, error] {
	return func(yield func(dashboard.Dead, error) bool) {
		for l, err := range d.deadLetters(ctx) {
			if !yield(deadOf(&l), err) {
				return
			}
		}
	}
}

func deadOf(l *agent.DeadLetter) dashboard.Dead {
	one := dashboard.Dead{ID: l.ID, Kind: l.Kind, UPC: l.Key.UPC, SKU: l.Key.SKU, Size: l.Key.Size, Width: l.Key.Width, Store: l.Key.Store,
		Quantity: l.Quantity, Status: l.Status, Words: l.Error, At: l.At, Source: l.Source, Export: l.Export, Line: l.Line}
	if l.Next != nil {
		one.Next = *l.Next
	}
	return one
}

const (
	mostGroups  = 50  // of dead letters; those of other reasons are one more
	firstOfEach = 100 // dead letters of a group that are shown
)

// otherGroup is the id of the dead letters that are of none of the first mostGroups reasons.
const otherGroup = "ffffffffffffffff"

// DeadGroups goes through the first dead letters: those of products that are not known are one group, the others are by what the API said.
func (d *pageDesk) DeadGroups(ctx context.Context) ([]dashboard.DeadGroup, error) {
	groups := map[string]*dashboard.DeadGroup{}
	walked := 0
	for l, err := range d.deadLetters(ctx) {
		if err != nil {
			return nil, err
		}
		if walked++; walked > dashboard.MostWalked {
			break
		}
		id, words := groupOf(&l)
		g := groups[id]
		if g == nil && len(groups) >= mostGroups {
			id, words = otherGroup, "other reasons"
			g = groups[id]
		}
		if g == nil {
			g = &dashboard.DeadGroup{ID: id, Kind: l.Kind, Words: words}
			groups[id] = g
		}
		if g.N++; len(g.First) < firstOfEach {
			g.First = append(g.First, deadOf(&l))
		}
	}
	list := make([]dashboard.DeadGroup, 0, len(groups))
	for _, g := range groups {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b dashboard.DeadGroup) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// figures are what differs from one complaint to the next.
var figures = regexp.MustCompile(`[0-9]+`)

// groupOf is the group of a dead letter, and what its reason is called.
func groupOf(l *agent.DeadLetter) (id, words string) {
	if l.Kind != "unknown" {
		words = l.Error
		for _, code := range []string{l.Key.UPC, l.Key.SKU} {
			if code != "" {
				words = strings.ReplaceAll(words, code, "…")
			}
		}
		words = fmt.Sprintf("%d %s", l.Status, figures.ReplaceAllString(words, "…"))
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.Kind + "\n" + words)) // it never fails
	return fmt.Sprintf("%016x", h.Sum64()>>1), words
}

// ActDead looks for the dead letters of the group once more: what has come to it since it was shown is among them.
func (d *pageDesk) ActDead(ctx context.Context, group string, retry bool) (n int64, err error) {
	act := d.agent.Desk().DiscardDead
	if retry {
		act = d.agent.Desk().RetryDead
	}
	which := agent.Which{All: group == ""}
	if !which.All {
		shown, err := d.DeadGroups(ctx) // which are one of their own, and which among the others
		if err != nil {
			return 0, err
		}
		own := map[string]bool{}
		for _, g := range shown {
			own[g.ID] = true
		}
		for l, err := range d.deadLetters(ctx) {
			if err != nil {
				return 0, err
			}
			if id, _ := groupOf(&l); id == group || group == otherGroup && !own[id] {
				which.IDs = append(which.IDs, l.ID)
			}
		}
	}
	acted, err := act(ctx, which)
	return acted.Done, err
}

func (d *pageDesk) Rejects(ctx context.Context) iter.Seq2[dashboard.Reject, error] {
	desk := d.agent.Desk()
	list := pages(func(after string) ([]agent.Reject, string, error) {
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx)
		}
		page, err := desk.Rejects(ctx, after)
		return page.List, page.Next, err
	})
	return func(yield func(dashboard.Reject, error) bool) {
		for r, err := range list {
			if !yield(pageReject(&r), err) {
				return
			}
		}
	}
}

func pageReject(r *agent.Reject) dashboard.Reject {
	return dashboard.Reject{ID: r.ID, Class: r.Kind, Why: r.Error, At: r.At, Source: r.Source, Export: r.Export, Line: r.Line, Row: r.Row}
}

func (d *pageDesk) Why(ctx context.Context, code string) (out dashboard.Why, err error) {
	why, err := d.agent.Desk().Why(ctx, code)
	if err == nil {
		err = why.Locate(ctx, d.config)
	}
	if err != nil {
		return out, err
	}
	now := time.Now()
	for _, k := range why.Keys {
		out.Keys = append(out.Keys, dashboard.Story{Title: k.Key.String(), Lines: storyFacts(k, now)})
	}
	for _, r := range why.Rejects {
		out.Rejects = append(out.Rejects, pageReject(&r))
	}
	out.More = why.More
	return out, nil
}

func (d *pageDesk) History(context.Context) (out dashboard.History, err error) {
	h, err := d.agent.History()
	points := func(spans []outbox.Span) (list []dashboard.Point) {
		for _, s := range spans {
			list = append(list, dashboard.Point{At: s.At, Delivered: s.Delivered, Errors: s.Errors, Waiting: s.Waiting})
		}
		return list
	}
	return dashboard.History{Day: points(h.Day), Month: points(h.Month)}, err
}
