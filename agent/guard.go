package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"tillpost/config"
	"tillpost/export"
	"tillpost/outbox"
	"tillpost/watcher"
)

// The guards, as `held list` names them.
const (
	guardZero   = "zero"   // it would empty too much of a store
	guardChange = "change" // it would change too much of a store
	guardFirst  = "first"  // a first export in which every quantity is 0
	guardRows   = "rows"   // with `missing: zero`, it lacks too much of a store
)

// guardPasses is how often a look is settled anew because of single exports that are held; then all that guards would
// hold are held together.
const guardPasses = 10

// stillReleased drops what a person has discarded since it was read, and settles the rest anew. No command can change
// what is held while the intake is settled.
func (t *taking) stillReleased() error {
	held, err := t.s.a.box.Held()
	if err != nil {
		return err
	}
	gone := false
	for x := range t.readings {
		r := &t.readings[x]
		if r.held == nil || r.dropped || slices.ContainsFunc(held, func(h outbox.Held) bool { return h.ID == r.held.ID }) {
			continue
		}
		t.in.Drop(x)
		r.dropped, gone = true, true
	}
	if !gone {
		return nil
	}
	return t.settle()
}

// guard drops what could do harm, and settles the rest anew, for what comes after a held export is compared with what was
// before it. Promise 10 of the contract.
func (t *taking) guard() error {
	for pass := 1; ; pass++ {
		held := false // or what an export lacks does not count any more
		for _, x := range t.inOrder() {
			r := &t.readings[x]
			if r.dropped || held && pass < guardPasses {
				continue
			}
			if t.doubtLacks(x) {
				held = true
				continue
			}
			if r.held != nil && r.held.Released {
				continue
			}
			kind, why, figures, err := t.judgeHarm(x)
			if err != nil {
				return err
			}
			if kind == "" {
				continue
			}
			if err := t.hold(x, kind, why, figures); err != nil {
				return err
			}
			held = true
		}
		if !held {
			return nil
		}
		if err := t.settle(); err != nil {
			return err
		}
	}
}

// alike leaves alone the files that are nothing new because they have the bytes of an export that was not taken: they are
// as that one is, with its id; 0 = it leaves no trace, and they are read again.
func (t *taking) alike(r *reading, id uint64) {
	t.done = slices.DeleteFunc(t.done, func(d doneFile) bool { return d.hash == r.hash })
	for i := range t.readings {
		f := t.readings[i].file
		file, same := t.same[f.Name]
		switch {
		case !same || file.Hash != r.hash || file.Export != 0:
		case id != 0:
			file.Export = id
			t.same[f.Name] = file
		default:
			delete(t.same, f.Name)
			t.more = true
			t.s.watcher.Retry(f)
		}
	}
}

// inOrder are the readings in the order of their ranks.
func (t *taking) inOrder() []int {
	order := make([]int, len(t.readings))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.readings[a].rank, t.readings[b].rank) })
	return order
}

// judgeHarm says which guard holds an export, why, and by what figures; "" = none does.
func (t *taking) judgeHarm(x int) (kind, why string, figures []outbox.Figures, err error) {
	g := t.s.conf.Guard
	stores, stocked := t.in.StoreCounts(x)
	twin := slices.IndexFunc(t.held, func(h outbox.Held) bool { return h.Source == t.s.conf.Name && h.Hash == t.readings[x].hash })
	lacks, counts := t.in.Lacks(x)
	if !counts {
		lacks = outbox.Lacks{}
	}
	if g.Zero == config.Off && g.Change == config.Off && g.Rows == config.Off {
		return "", "", nil, nil
	}
	if twin < 0 && !mayHarm(g, stores, stocked, &lacks) {
		return "", "", nil, nil
	}
	if t.known == nil { // once a look: every record is looked at, and none changes while the intake is settled
		if t.known, err = t.s.a.box.KnownKeys(t.s.conf.Name); err != nil {
			return "", "", nil, err
		}
	}
	if len(t.known) == 0 && twin >= 0 { // the outbox that could judge it is lost; what it said of these bytes is not
		return t.held[twin].Kind, t.held[twin].Refused, t.held[twin].Figures, nil
	}
	if len(t.known) == 0 && stocked == 0 && g.Zero != config.Off {
		return guardFirst, "it is the source's first export, and every quantity in it is 0", figuresOf(stores, t.known, nil), nil
	}
	known := t.knownBefore(x)
	var zero, change, rows []string
	for _, store := range slices.Sorted(maps.Keys(lacks.Stores)) {
		if n, k := lacks.Stores[store], known[store]; k != nil && k.Keys >= int64(g.Min) && exceeds(n, k.Keys, g.Rows) {
			rows = append(rows, fmt.Sprintf("%d of the %d products of store %s are not in it", n, k.Keys, store))
		}
	}
	for _, store := range slices.Sorted(maps.Keys(stores)) {
		c, k := stores[store], known[store]
		if k == nil || k.Keys < int64(g.Min) {
			continue
		}
		all := c.Zero > 0 && c.Zero >= k.Stocked && 10*k.Stocked >= k.Keys // nothing would be left in the store
		switch {
		case exceeds(c.Zero, k.Keys, g.Zero) || all && g.Zero != config.Off:
			zero = append(zero, fmt.Sprintf("%d of the %d products of store %s would go to 0", c.Zero, k.Keys, store))
		case exceeds(c.New+c.Changed, k.Keys, g.Change):
			change = append(change, fmt.Sprintf("%d quantities of store %s would be new or others, where %d are known", c.New+c.Changed, store, k.Keys))
		}
	}
	switch figures = figuresOf(stores, known, lacks.Stores); {
	case len(rows) > 0:
		return guardRows, clipList(rows), figures, nil
	case len(zero) > 0:
		return guardZero, clipList(zero), figures, nil
	case len(change) > 0:
		return guardChange, clipList(change) + "; have columns or codes shifted?", figures, nil
	}
	return "", "", nil, nil
}

// knownBefore is what is known of the source's keys once the older exports of the look have spoken. What those know is
// counted as stock.
func (t *taking) knownBefore(x int) map[string]*outbox.StoreKeys {
	known := t.known
	for _, y := range t.inOrder() {
		if y == x {
			break
		}
		stores, _ := t.in.StoreCounts(y)
		for store, c := range stores {
			if c.New == 0 {
				continue
			}
			k := outbox.StoreKeys{Keys: c.New, Stocked: c.New}
			if was := known[store]; was != nil {
				k.Keys, k.Stocked = k.Keys+was.Keys, k.Stocked+was.Stocked
			}
			if known = maps.Clone(known); known == nil {
				known = map[string]*outbox.StoreKeys{}
			}
			known[store] = &k
		}
	}
	return known
}

// tellSuperseded logs which held exports have gone because of newer ones.
func (t *taking) tellSuperseded(exports []outbox.Export) error {
	held, err := t.s.a.box.Held()
	if err != nil {
		return err
	}
	for i := range t.held {
		h := &t.held[i]
		if h.Source != t.s.conf.Name || h.Released || slices.ContainsFunc(held, func(o outbox.Held) bool { return o.ID == h.ID }) {
			continue
		}
		var by outbox.Export // none: a person has discarded it
		for _, e := range exports {
			if e.ID != 0 && e.Family == h.Family && e.Rank >= by.Rank {
				by = e
			}
		}
		log := t.s.a.log.With("source", h.Source, "export", h.Name, "id", h.HeldID(), "by", by.Name)
		switch {
		case by.ID == 0:
		case by.Held:
			log.Info("a newer export of its kind is held in place of this one")
		default:
			log.Info("a held export is superseded by a newer one")
		}
	}
	return nil
}

// clipList joins the first of a list.
func clipList(list []string) string {
	const most = 5
	text := strings.Join(list[:min(most, len(list))], "; ")
	if more := len(list) - most; more > 0 {
		text += fmt.Sprintf("; and so in %d stores more", more)
	}
	return text
}

// exceeds reports whether n is more than a share of all.
func exceeds(n, all int64, share config.Percent) bool {
	return share != config.Off && float64(n)*100 > float64(share)*float64(all)
}

// mayHarm reports whether an export changes so much that a guard could hold it, whatever is known: else nothing need be
// counted.
func mayHarm(g config.Guard, stores map[string]*outbox.StoreCounts, stocked int64, lacks *outbox.Lacks) bool {
	if exceeds(lacks.Lacking(), int64(g.Min), g.Rows) {
		return true
	}
	for _, c := range stores {
		if stocked == 0 || c.Zero > 0 && 10*c.Zero >= int64(g.Min) || exceeds(c.Zero, int64(g.Min), g.Zero) ||
			exceeds(c.New+c.Changed, int64(g.Min), g.Change) {
			return true
		}
	}
	return false
}

func figuresOf(stores map[string]*outbox.StoreCounts, known map[string]*outbox.StoreKeys, lacks map[string]int64) (list []outbox.Figures) {
	const most = 1000
	names := slices.AppendSeq(slices.Collect(maps.Keys(stores)), maps.Keys(lacks))
	slices.Sort(names)
	for _, store := range slices.Compact(names) {
		f := outbox.Figures{Store: store, Missing: lacks[store]}
		if c := stores[store]; c != nil {
			f.Zero, f.Changed = c.Zero, c.New+c.Changed
		}
		if k := known[store]; k != nil {
			f.Known, f.Stocked = k.Keys, k.Stocked
		}
		if list = append(list, f); len(list) == most {
			break
		}
	}
	return list
}

// hold keeps an export's bytes, and leaves it out of the look. Where the bytes are gone already nothing is held: what
// lies there now is told by itself.
func (t *taking) hold(x int, kind, why string, figures []outbox.Figures) error {
	r := &t.readings[x]
	t.in.Drop(x)
	r.dropped = true
	if !r.taken.Complete {
		t.again(r.file) // it may still be being written
		t.alike(r, 0)
		return nil
	}
	keys, file, err := t.keep(r)
	switch {
	case errors.Is(err, watcher.ErrChanged), errors.Is(err, errOtherBytes):
		t.s.a.log.Warn("an export that a guard stopped was gone before it could be kept", "source", t.s.conf.Name, "export", r.file.Name, "err", why)
		t.more = true
		t.s.watcher.Retry(r.file)
		t.alike(r, 0)
		return nil
	case err != nil:
		return err
	}
	if err := t.in.Hold(x, kind, figures, keys, file, r.file.Final); err != nil {
		return errors.Join(err, file.Close())
	}
	r.refused = why
	r.taken = outbox.Taken{Hash: r.hash, Refused: r.refused, Rows: r.taken.Rows, Reasons: r.taken.Reasons, Skipped: r.taken.Skipped, Complete: true}
	return file.Close()
}

// keep copies an export's bytes, which must be those that were read, and finds the keys that it names.
func (t *taking) keep(r *reading) (keys *outbox.HeldKeys, file *os.File, err error) {
	snap, err := t.bytesOf(r)
	if err != nil {
		return nil, nil, err
	}
	defer snap.Close() // it is only read
	if file, err = t.s.a.box.NewHeldFile(); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}()
	keys = t.s.a.box.NewHeldKeys()
	hash := newContentHash()
	src := io.TeeReader(snap, io.MultiWriter(hash, file))
	rows, err := t.s.reader.Read(src)
	if err != nil {
		return nil, nil, err
	}
	for row, err := range rows.All() {
		if err == nil {
			keys.Add(row.Key)
		} else if _, bad := errors.AsType[*export.Reject](err); !bad {
			return nil, nil, err
		}
	}
	if _, err := io.Copy(io.MultiWriter(hash, file), snap); err != nil {
		return nil, nil, err
	}
	if hash.String() != r.hash {
		return nil, nil, errOtherBytes
	}
	return keys, file, nil
}

// released reads the held exports of the source that a person has released, at their own ranks.
func (t *taking) released(ctx context.Context) error {
	for i := range t.held {
		h := &t.held[i]
		if h.Source != t.s.conf.Name || !h.Released || ctx.Err() != nil {
			continue
		}
		r := reading{held: h, rank: h.Rank, file: watcher.File{Name: h.Name, Final: true}}
		known, err := t.s.a.box.File(h.Source, h.Name)
		if err != nil && !errors.Is(err, outbox.ErrUnknown) {
			return err
		}
		x, err := t.openHeld(&r, known.Stat)
		if full, ok := errors.AsType[*outbox.FullError](err); ok {
			return full
		}
		if err != nil {
			t.in.Drop(x)
			r.dropped = true
			t.s.a.log.Error("a held export that was released cannot be read; it stays held", "source", h.Source, "export", h.Name, "id", h.HeldID(), "err", err)
			if err := t.s.a.box.HoldOn(h.HeldID()); err != nil {
				return err
			}
		}
		t.readings = append(t.readings, r)
	}
	return nil
}

// openHeld reads a held export into the intake.
func (t *taking) openHeld(r *reading, stat string) (x int, err error) {
	h := r.held
	spec := t.specOf(&h.Export, stat)
	spec.Releases = h.ID
	if h.Rereads != 0 {
		e, err := t.s.a.box.Export(h.Rereads)
		if err == nil {
			r.again, spec.Rereads = &e, &e
		} else if !errors.Is(err, outbox.ErrUnknown) {
			return t.in.Begin(spec, t.now), err
		}
	}
	if x, err = t.openAt(r, spec, t.s.a.box.HeldPath(*h), h.Hash); err != nil {
		return x, err
	}
	if r.refused != "" {
		return x, errors.New(r.refused)
	}
	r.taken.Hash = r.hash
	return x, nil
}

// hasReleased reports whether a person has released an export of the source.
func (s *source) hasReleased() (bool, error) {
	held, err := s.a.box.Held()
	return slices.ContainsFunc(held, func(h outbox.Held) bool { return h.Source == s.conf.Name && h.Released }), err
}

// HeldExport is an export that a guard stopped, as `held list` tells of it.
type HeldExport struct {
	ID       string           `json:"id"`
	Kind     string           `json:"kind"` // zero, change, rows or first
	Error    string           `json:"error"`
	At       time.Time        `json:"at"` // when it was held
	Source   string           `json:"source"`
	Export   string           `json:"export"`
	Rows     int64            `json:"rows"`
	Keys     int64            `json:"keys"`     // that it names
	Released bool             `json:"released"` // it is about to be read
	Stores   []outbox.Figures `json:"stores"`   // what made the guard act
}

func (d *boxDesk) Held(context.Context, string) ([]HeldExport, error) {
	held, err := d.box.Held()
	list := make([]HeldExport, 0, len(held))
	for i := range held {
		h := &held[i]
		list = append(list, HeldExport{ID: h.HeldID(), Kind: h.Kind, Error: h.Refused, At: h.Taken, Source: h.Source, Export: h.Name, Rows: h.Rows,
			Keys: h.Keys, Released: h.Released, Stores: h.Figures})
	}
	return list, err
}

func (d *boxDesk) ReleaseHeld(_ context.Context, which Which) (out Acted, err error) {
	out.Done, out.Unknown, err = d.box.ReleaseHeld(which.ids())
	d.changed("held release", out.Done)
	if d.agent != nil {
		for _, s := range d.agent.sources {
			s.watcher.Tell()
		}
	}
	return out, err
}

func (d *boxDesk) DiscardHeld(_ context.Context, which Which) (out Acted, err error) {
	out.Done, out.Unknown, err = d.box.DiscardHeld(which.ids())
	d.changed("held discard", out.Done)
	return out, err
}
