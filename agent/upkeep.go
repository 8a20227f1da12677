package agent

import (
	"context"
	"errors"
	"time"

	"tillpost/outbox"
)

// tellOpening logs what the outbox found and did when it was opened.
func (a *Agent) tellOpening(o outbox.Opening) {
	if c := o.Compaction; c != nil && c.Err != nil {
		a.log.Warn("the outbox cannot be made smaller now; it stays as it is", "err", c.Err)
	} else if c != nil {
		a.log.Info("the outbox was made smaller", "bytes_before", c.Before, "bytes", c.After)
	}
	if o.Foreign != "" {
		a.log.Warn("what the API holds is not certain any more; every last wanted quantity is sent again", "err", errors.New("the outbox: "+o.Foreign))
	}
}

// forgetKeys lets the outbox forget keys that are long gone.
func (a *Agent) forgetKeys(ctx context.Context, now time.Time) error {
	n, err := a.box.ForgetKeys(ctx, now)
	if n > 0 {
		a.log.Info("products that no export has named for 400 days, and that are at 0, are forgotten", "keys", n)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}
