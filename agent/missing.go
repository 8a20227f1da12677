package agent

import "tillpost/outbox"

// zeroesMissing reports whether what the source's exports lack goes to 0, `missing: zero` of the contract.
func (s *source) zeroesMissing() bool { return s.conf.Missing == "zero" }

// track lets what whole exports lack count. One whose last row waits is counted once it has that.
func (t *taking) track() {
	if !t.s.zeroesMissing() {
		return
	}
	for x := range t.readings {
		if r := &t.readings[x]; !r.dropped && r.taken.Complete {
			t.in.Track(x, t.s.conf.MissingAfter, r.blind)
		}
	}
}

// doubtLacks takes back that what an export lacks counts, where it means something else: the export is of another kind
// than the one before it, of whose products it names fewer than a tenth, or rows that name no product may be what it lacks.
// Then all is to be settled anew.
func (t *taking) doubtLacks(x int) bool {
	l, counts := t.in.Lacks(x)
	lacking := l.Lacking()
	if !counts || lacking == 0 {
		return false
	}
	log := t.s.a.log.With("source", t.s.conf.Name, "export", t.readings[x].file.Name)
	switch {
	case isApart(&l):
		log.Error("missing: zero is off for this export: it names fewer than a tenth of the products of the one before it, so it is no full list of what there is",
			"products", l.Named, "before", l.Before, "shared", l.Shared)
		t.in.Apart(x)
	case l.Blind > 0 && 2*l.Blind >= lacking:
		log.Warn("what the export lacks is not counted: more of its rows than before name no product, and may be what is missing",
			"lacking", lacking, "rows", l.Blind)
		t.in.Spare(x)
	default:
		return false
	}
	return true
}

// isApart reports whether consecutive exports share less than a tenth of their keys: of those of the smaller one, so that
// one that was cut is not mistaken for another kind.
func isApart(l *outbox.Lacks) bool {
	return l.Before > 0 && 10*l.Shared < min(l.Named, l.Before)
}
