package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tillpost/inventory"
	"tillpost/outbox"
)

// pageSize is how many entries a page of a list has.
const pageSize = 1000

// DeadPage is a page of the dead letters.
type DeadPage struct {
	List []DeadLetter `json:"list"`
	Next string       `json:"next"` // "" = it is the last
}

// DeadLetter is an update that the API refused for good, as `dead list` tells of it.
type DeadLetter struct {
	ID       string        `json:"id"`
	Key      inventory.Key `json:"key"`
	Kind     string        `json:"kind"` // unknown or refused
	Quantity int64         `json:"quantity"`
	Status   int           `json:"status"` // HTTP
	Error    string        `json:"error"`  // the API's words
	At       time.Time     `json:"at"`     // of the last refusal
	Tries    int           `json:"tries"`
	Next     *time.Time    `json:"next"` // when it is tried again; null = not by itself, or it is about to be
	Queued   bool          `json:"queued"`
	Source   string        `json:"source"` // of the export that set the quantity; empty = its record is gone
	Export   string        `json:"export"`
	Line     uint64        `json:"line"`
}

// The kinds of dead letters.
const (
	kindUnknown = "unknown"
	kindRefused = "refused"
)

func (d *boxDesk) Dead(_ context.Context, after string) (DeadPage, error) {
	page, next, err := d.box.DeadLetters(after, pageSize)
	out := DeadPage{Next: next, List: make([]DeadLetter, 0, len(page))}
	for _, one := range page {
		out.List = append(out.List, deadLetter(&one))
	}
	return out, err
}

func deadLetter(d *outbox.Dead) DeadLetter {
	kind := kindRefused
	if d.Letter.Unknown {
		kind = kindUnknown
	}
	out := DeadLetter{ID: d.ID, Key: d.Key, Kind: kind, Quantity: d.Letter.Quantity, Status: d.Letter.Status, Error: d.Letter.Words, At: d.Letter.At,
		Tries: d.Letter.Tries, Queued: d.Again, Source: d.Named.Source, Export: d.Named.Name, Line: d.Letter.Line}
	if !d.Due.IsZero() {
		out.Next = new(d.Due.UTC())
	}
	return out
}

// Which says which entries of a list a command is for: all, or those with the ids.
type Which struct {
	IDs []string `json:"ids"`
	All bool     `json:"all"`
}

// Acted is what a command did.
type Acted struct {
	Done    int64    `json:"done"`
	Unknown []string `json:"unknown,omitempty"` // what it was for and is not there
}

func (w Which) ids() []string {
	if w.All {
		return nil
	}
	return append([]string{}, w.IDs...) // not nil, which is all
}

func (d *boxDesk) RetryDead(_ context.Context, which Which) (out Acted, err error) {
	out.Done, out.Unknown, err = d.box.RetryDead(which.ids(), time.Now())
	d.changed("dead retry", out.Done)
	return out, err
}

func (d *boxDesk) DiscardDead(_ context.Context, which Which) (out Acted, err error) {
	out.Done, out.Unknown, err = d.box.DiscardDead(which.ids())
	d.changed("dead discard", out.Done)
	return out, err
}

// RejectPage is a page of the rejects that are listed.
type RejectPage struct {
	List []Reject `json:"list"`
	Next string   `json:"next"` // "" = it is the last
}

// Reject is a row that could not become an update, as `rejects` tells of it.
type Reject struct {
	ID     string         `json:"id"`
	Key    *inventory.Key `json:"key,omitempty"` // where it is certain
	Kind   string         `json:"kind"`          // one of package export's classes
	Error  string         `json:"error"`
	At     time.Time      `json:"at"` // since when it is listed
	Source string         `json:"source"`
	Export string         `json:"export"` // that it is listed for
	Line   uint64         `json:"line"`
	Row    []string       `json:"row"`
}

func (d *boxDesk) Rejects(_ context.Context, after string) (RejectPage, error) {
	page, next, err := d.box.Rejects(after, pageSize)
	out := RejectPage{Next: next, List: make([]Reject, 0, len(page))}
	for _, one := range page {
		out.List = append(out.List, rejectOf(&one))
	}
	return out, err
}

func rejectOf(r *outbox.Reject) Reject {
	out := Reject{ID: r.ID, Kind: r.Code, Error: r.Reason, At: r.At, Source: r.Source, Export: r.Export, Line: r.Line, Row: r.Record}
	if k, err := inventory.DecodeKey(r.Key); err == nil {
		out.Key = &k
	}
	return out
}

// Selection says what is put back into the outbox: all, what a source's exports have named, what is in a store, or
// single products.
type Selection struct {
	All    bool     `json:"all,omitempty"`
	Source string   `json:"source,omitempty"`
	Store  string   `json:"store,omitempty"`
	Codes  []string `json:"codes,omitempty"` // UPCs or SKUs
}

// Resend makes updates of what the ledger holds. Unknown are the store, the source or the codes of which nothing is known.
func (d *boxDesk) Resend(ctx context.Context, which Selection) (out Acted, err error) {
	defer func() { d.changed("resend", out.Done) }()
	if which.All {
		out.Done, err = d.box.Resend(ctx)
		return out, err
	}
	found := map[string]bool{} // of what it is for
	pick, asked, err := d.picker(which, found)
	if err != nil {
		return out, err
	}
	out.Done, err = d.box.ResendSome(ctx, pick)
	for _, name := range asked {
		if !found[name] && err == nil {
			out.Unknown = append(out.Unknown, name)
		}
	}
	return out, err
}

// picker is what picks the keys of a selection, and notes in found what they were picked for.
func (d *boxDesk) picker(which Selection, found map[string]bool) (pick func(outbox.Known) bool, asked []string, err error) {
	switch {
	case which.Source != "":
		named, err := d.box.NamedBy(which.Source)
		if errors.Is(err, outbox.ErrUnknown) {
			named, err = func(outbox.Known) bool { return false }, nil
		}
		return func(k outbox.Known) bool {
			in := named(k)
			found[which.Source] = found[which.Source] || in
			return in
		}, []string{which.Source}, err
	case which.Store != "":
		return func(k outbox.Known) bool {
			in := k.Key.Store == which.Store
			found[which.Store] = found[which.Store] || in
			return in
		}, []string{which.Store}, nil
	case len(which.Codes) > 0:
		codes := make([]code, len(which.Codes))
		for i, text := range which.Codes {
			codes[i] = newCode(text)
		}
		return func(k outbox.Known) bool {
			i := slices.IndexFunc(codes, func(c code) bool { return c.names(k.Key) })
			for _, c := range codes {
				found[c.text] = found[c.text] || i >= 0 && c.names(k.Key)
			}
			return i >= 0
		}, which.Codes, nil
	}
	return nil, nil, errors.New("nothing is selected")
}

// code is a UPC or SKU as a person writes it.
type code struct {
	text   string
	exact  string // without blanks around it
	digits string // where it is a number: without blanks and dashes in it, and leading zeros; else ""
}

func newCode(text string) code {
	c := code{text: text, exact: strings.TrimSpace(text)}
	digits := strings.NewReplacer(" ", "", "-", "").Replace(c.exact)
	if strings.Trim(digits, "0123456789") == "" {
		c.digits = strings.TrimLeft(digits, "0")
	}
	return c
}

// names reports whether the code is a key's: its SKU in any case, or its UPC with or without its leading zeros.
func (c code) names(k inventory.Key) bool {
	if k.UPC != "" {
		return k.UPC == c.exact || c.digits != "" && strings.TrimLeft(k.UPC, "0") == c.digits
	}
	return strings.EqualFold(k.SKU, c.exact)
}

// in reports whether the code stands in a row that was rejected.
func (c code) in(r *outbox.Reject) bool {
	if k, err := inventory.DecodeKey(r.Key); err == nil && c.names(k) {
		return true
	}
	return slices.ContainsFunc(r.Record, func(field string) bool {
		field = strings.Trim(field, " '\t=\"")
		return strings.EqualFold(field, c.exact) || c.digits != "" && newCode(field).digits == c.digits
	})
}
