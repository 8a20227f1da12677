package agent

import (
	"math"
	"time"

	"tillpost/outbox"
)

// With resend_all everything is sent once more now and then, so that drift at the API heals. It goes a slice at a time, and
// only while nothing else waits: a change is never behind more than a slice.

// sliceTime is how long the rate needs for a slice.
const sliceTime = 2 * time.Second

// repeats is how many keys are to be sent once more now, and of them at once; 0 = none. It is asked while nothing waits.
func (d *drain) repeats(now time.Time, batch int) (n, slice int) {
	if d.repeatAt.IsZero() || now.Before(d.repeatAt) || d.pace.state != stateOK {
		return 0, 0
	}
	return batch, int(max(1, min(outbox.MaxLease, math.Ceil(d.a.opts.Config.API.Rate*sliceTime.Seconds()))))
}

// nextRepeat is when that is to be asked again, where it is a matter of time; else zero.
func (d *drain) nextRepeat(now time.Time) time.Time {
	if now.Before(d.repeatAt) {
		return d.repeatAt
	}
	return time.Time{}
}

// repeated notes what came of it, and logs where a round begins and ends.
func (d *drain) repeated(t turn) {
	if t.order.repeat == 0 {
		return
	}
	r := t.again
	d.repeatAt = r.Next
	if r.Begun {
		d.a.log.Info("everything is sent once more, a little at a time while nothing else waits", "updates", r.Known)
	}
	if r.Ended {
		d.a.log.Info("everything was sent once more", "updates", r.Keys, "lasted", time.Since(r.Began).Round(time.Second))
	}
}
