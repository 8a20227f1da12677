package agent

import (
	"context"
	"strings"

	"tillpost/outbox"
)

// Verified is what came of reading the whole outbox.
type Verified struct {
	Keys   int64    `json:"keys"`
	Broken []string `json:"broken,omitempty"` // what is wrong with it, the first few of its faults; none = it is in order
}

// verify reads the whole outbox. Meanwhile nothing is written into it, and so nothing new is sent. The error says why it
// could not be read to its end; what is wrong in it is none.
func verify(ctx context.Context, box *outbox.Outbox) (v Verified, err error) {
	v.Keys, err = box.Verify(ctx)
	if ctx.Err() != nil {
		return v, err
	}
	if err != nil {
		v.Broken = strings.Split(err.Error(), "\n")
	}
	return v, nil
}

func (d *boxDesk) Verify(ctx context.Context) (Verified, error) { return verify(ctx, d.box) }
