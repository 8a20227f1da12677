package outbox

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// Handover is a key whose quantity an export of one source changes after another source had set it.
type Handover struct {
	Key  []byte // inventory's encoded key
	From uint64 // the number of the source before
	To   string // the source of the export
}

// Handovers are those of the intake as it was settled last. Of a great many some are left out.
func (in *Intake) Handovers() []Handover { return in.handed }

// What is kept of an intake's handovers: a first export may change the hand of every key there is.
const (
	maxHandovers  = 20_000
	handoverBytes = 1 << 20 // of keys
)

// handOver notes that an export sets the key of a record anew.
func (in *Intake) handOver(export int, rec *record, key []byte) {
	to := in.exports[export].Source
	if !rec.is(flagSource) || rec.source == in.sources[to].Number || len(in.handed) == maxHandovers || in.handedBytes+len(key) > handoverBytes {
		return
	}
	in.handedBytes += len(key)
	in.handed = append(in.handed, Handover{Key: bytes.Clone(key), From: rec.source, To: to})
}

// numberSources begins anew with the handovers: it looks up the numbers of the exports' sources, which may have none yet.
func (in *Intake) numberSources() error {
	in.handed, in.handedBytes, in.sources = nil, 0, map[string]Source{}
	return in.o.view(func(tx *bbolt.Tx) error {
		for _, x := range in.exports {
			if err := addSource(tx, in.sources, x.Source); err != nil {
				return err
			}
		}
		return nil
	})
}

// SourceOf is the name of the source with a number; "" where there is none.
func (o *Outbox) SourceOf(number uint64) (name string, err error) {
	sources, err := o.allSources()
	for n, s := range sources {
		if s.Number == number {
			name = n
		}
	}
	return name, err
}
