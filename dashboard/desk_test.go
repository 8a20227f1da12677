package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"tillpost/dashboard"
)

// desk is a small agent in memory: what a page shows, and what its buttons change.
type desk struct {
	mu      sync.Mutex
	status  dashboard.Status
	held    []dashboard.Held
	dead    []dashboard.Dead
	rejects []dashboard.Reject
	why     map[string]dashboard.Why
	history dashboard.History
	log     []string
	words   string // of groups
	broken  error  // what everything fails with
	changes int    // how often something was changed
	asked   int    // how often the status was asked for
	slow    chan struct{}
	takes   time.Duration // that its groups take to be read
	grouped int           // how often they were
}

// Status is what a page asks.
func (d *desk) Status(ctx context.Context) (dashboard.Status, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	s := d.status
	if s.At.IsZero() {
		s.At = time.Now()
	}
	return s, errors.Join(d.broken, ctx.Err())
}

// edit changes the desk as the agent does.
func (d *desk) edit(change func(*desk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// changed is how often somebody has changed something, and how often the status was asked for.
func (d *desk) counts() (changes, asked int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes, d.asked
}

func (d *desk) Pause(_ context.Context, paused bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	d.status.Paused = paused
	return d.broken
}

func (d *desk) Held(context.Context) ([]dashboard.Held, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.held), d.broken
}

func (d *desk) ActHeld(_ context.Context, id string, release bool) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.held, func(h dashboard.Held) bool { return h.ID == id })
	if i < 0 || d.broken != nil {
		return false, d.broken
	}
	d.changes++
	if d.held[i].Released = release; !release {
		d.held = slices.Delete(d.held, i, i+1)
	}
	return true, nil
}

// group is which group a dead letter belongs to.
func group(d dashboard.Dead) string { return fmt.Sprintf("%x", d.Kind) }

func (d *desk) DeadGroups(context.Context) ([]dashboard.DeadGroup, error) {
	d.mu.Lock()
	d.grouped++
	takes := d.takes
	d.mu.Unlock()
	time.Sleep(takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []dashboard.DeadGroup
	for _, x := range d.dead {
		i := slices.IndexFunc(list, func(g dashboard.DeadGroup) bool { return g.ID == group(x) })
		if i < 0 {
			i, list = len(list), append(list, dashboard.DeadGroup{ID: group(x), Kind: x.Kind, Words: d.words})
		}
		if list[i].N++; len(list[i].First) < 5 {
			list[i].First = append(list[i].First, x)
		}
	}
	return list, d.broken
}

func (d *desk) ActDead(_ context.Context, of string, _ bool) (n int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.dead)
	d.dead = slices.DeleteFunc(d.dead, func(x dashboard.Dead) bool { return of == "" || group(x) == of })
	if n = int64(before - len(d.dead)); n > 0 {
		d.changes++
	}
	return n, d.broken
}

func (d *desk) Dead(ctx context.Context) iter.Seq2[dashboard.Dead, error] {
	return all(ctx, d, func() []dashboard.Dead { return d.dead })
}

func (d *desk) Rejects(ctx context.Context) iter.Seq2[dashboard.Reject, error] {
	return all(ctx, d, func() []dashboard.Reject { return d.rejects })
}

// all gives a list, slowly where the desk is slow, and then what is broken.
func all[T any](ctx context.Context, d *desk, of func() []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		d.mu.Lock()
		list, broken, slow := slices.Clone(of()), d.broken, d.slow
		d.mu.Unlock()
		for _, x := range list {
			if slow != nil {
				select {
				case <-slow:
				case <-ctx.Done():
				}
			}
			if !yield(x, nil) {
				return
			}
		}
		if broken != nil {
			var none T
			yield(none, broken)
		}
	}
}

func (d *desk) RejectWords(class string) string { return "with a wrong " + class }

func (d *desk) Why(_ context.Context, code string) (dashboard.Why, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.why[code], d.broken
}

func (d *desk) History(context.Context) (dashboard.History, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.history, d.broken
}

func (d *desk) Log() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.log)
}

// newDesk is a desk with something of everything on it.
func newDesk(now time.Time) *desk {
	last := dashboard.Export{Name: "stock-0412.csv", At: now.Add(-4 * time.Minute), Rows: 1204, Changed: 37, Unchanged: 1160, Rejects: 7}
	d := &desk{words: "Product … not found", status: dashboard.Status{
		At: now, Version: "1.2.0", State: "running", Since: now.Add(-26 * time.Hour),
		Products: 18204, Pending: 412, ToConfirm: 3, Failing: 1, Oldest: 3 * time.Minute, ETA: 110 * time.Second,
		Dead: 37, Unknown: 36, Held: 1, Listed: 7, LastDelivery: now.Add(-20 * time.Second), LastExport: last.At,
		Delivered: 120480, Unchanged: 2000411, Rejects: 230, API: dashboard.API{State: "ok"},
		Problems: []dashboard.Problem{
			{Code: "held", Grade: dashboard.Needs, Source: "main", What: "An export of main is held, because it would empty store 3.", Do: "Look at its figures below, then release or discard it.", Since: now.Add(-time.Hour)},
			{Code: "unknown", Grade: dashboard.Notice, What: "The web shop does not know 36 products.", Do: "Add them to the shop, or ignore this.", Words: "Product 849632048260 not found", Since: now.Add(-26 * time.Hour)},
		},
		Sources: []dashboard.Source{
			{Name: "main", State: "ok", Folder: `C:\POS\Export`, Looked: now.Add(-3 * time.Second), Last: &last, Products: 1204,
				Exports: []dashboard.Export{last, {Name: "stock-0411.csv", At: now.Add(-28 * time.Hour), Rows: 1203, Refused: "It has no header that is known."}}},
			{Name: "warehouse", State: "folder missing", Folder: `\\nas\stock`, Expect: 24 * time.Hour, Overdue: true},
		},
	}}
	d.held = []dashboard.Held{{ID: "h1", Source: "main", Export: "stock-0413.csv", At: now.Add(-time.Hour), Rows: 1190,
		Why:    "It would set 640 of 1,204 products of store 3 to zero.",
		Stores: []dashboard.HeldStore{{Store: "3", Known: 1204, Stocked: 900, Zero: 640, Changed: 700, Missing: 14}, {Store: "Main Street", Known: 40, Stocked: 20}}}}
	for i := range 36 {
		d.dead = append(d.dead, dashboard.Dead{ID: fmt.Sprint(i), Kind: "unknown", UPC: fmt.Sprintf("8496320482%02d", i), Store: "3", Quantity: int64(i), Status: 404,
			Words: "Product not found", At: now.Add(-time.Hour), Source: "main", Export: "stock-0412.csv", Line: uint64(i + 2)})
	}
	d.dead = append(d.dead, dashboard.Dead{ID: "x", Kind: "refused", SKU: "ZOOT-SUIT", Size: "34", Width: "D", Store: "3", Quantity: -2, Status: 422, Words: "=2+5", At: now})
	for i := range 7 {
		d.rejects = append(d.rejects, dashboard.Reject{ID: fmt.Sprint(i), Class: "UPC", Why: `column "UPC": the check digit of 84963204826 is wrong`, At: last.At,
			Source: "main", Export: "stock-0412.csv", Line: uint64(80 + i), Row: []string{"84963204826", "3", "12"}})
	}
	d.why = map[string]dashboard.Why{"849632048260": {Keys: []dashboard.Story{{Title: "849632048260 in store 3", Lines: []dashboard.Fact{
		{Name: "export", Text: "stock-0412.csv, line 87, 4 minutes ago"}, {Name: "quantity", Text: "12"}, {Name: "delivered", Text: "12, 3 minutes ago"}}}}}}
	d.log = []string{`time=2026-04-12T10:00:00Z level=INFO msg="agent runs"`, `time=2026-04-12T10:00:01Z level=WARN msg="row set aside" source=main export=sales.csv line=87`}
	for i := range 288 {
		d.history.Day = append(d.history.Day, dashboard.Point{At: now.Add(time.Duration(i-288) * 5 * time.Minute), Delivered: int64(40 + 35*((i/12)%7)), Waiting: int64((i * 7) % 300), Errors: int64(i % 50 / 48 * 9)})
	}
	for i := range 600 {
		d.history.Month = append(d.history.Month, dashboard.Point{At: now.Add(time.Duration(i-600) * time.Hour), Delivered: int64(900 + 700*((i/8)%3)), Waiting: int64((i * 13) % 900), Errors: int64(i % 97 / 95 * 40)})
	}
	return d
}

// address is where the pages of tests are said to be.
const address = "127.0.0.1:8460"

// newPage is a page of a desk.
func newPage(t testing.TB, d *desk) *dashboard.Page {
	p := dashboard.New(dashboard.Options{Address: address, Status: d.Status, Desk: func() dashboard.Desk { return d }})
	t.Cleanup(p.Close)
	return p
}
