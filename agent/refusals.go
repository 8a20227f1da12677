package agent

import (
	"time"

	"tillpost/api"
	"tillpost/outbox"
)

const (
	// knownRow is how many updates of keys that were acknowledged before may be refused in a row until a canary is asked.
	knownRow = 10
	// newRow is how many of any key, while nothing was ever acknowledged.
	newRow = 50
	// enough is how many canaries must be refused; one is, where it was sent with its ledger quantity.
	enough = 3
)

// refusals watches for an API that refuses everything: a wrong URL, a wrong store, an outage, or only many bad products.
// A canary tells: see outbox.Canary. Until it has, and while the drain is paused for what it told, nothing else is sent.
type refusals struct {
	known   int       // in a row, of keys that were acknowledged before
	all     int       // in a row
	since   time.Time // when the first of them was answered, and
	sent    time.Time // when its request left
	asking  bool
	flush   bool      // what is on its way is waited for, before a canary leaves
	against int       // canaries that were refused
	again   time.Time // what was refused since then is to wait again; zero = nothing is
}

// count takes a refusal into account.
func (f *refusals) count(a answered, now time.Time) {
	if a.lease.Again { // what is refused once more is no news
		return
	}
	if f.all++; f.all == 1 {
		f.since, f.sent = now, a.sent
	}
	if a.lease.Known {
		f.known++
	}
}

// end ends the row: the API has taken something. What left before the row began says nothing of it.
func (f *refusals) end(a answered) {
	if a.lease.Canary || !a.sent.Before(f.sent) {
		*f = refusals{again: f.again}
	}
}

// refuse deals with an update that the API refused.
func (p *pace) refuse(a answered, r *outbox.Result, now time.Time) {
	f := &p.refusals
	p.misses = 0
	delete(p.denied, string(a.lease.Key))
	p.last = a.answer.Words
	switch {
	case f.asking && p.halt == api.Refused: // a probe: it waits on, or stands
		p.refuseAll(a.answer, now)
		return
	case f.asking && a.lease.Canary:
		if f.against++; f.against >= enough || a.lease.Ledger {
			p.refuseAll(a.answer, now)
		}
	default:
		f.count(a, now)
		p.ask()
	}
	r.Outcome = outbox.Refused
	p.refused(a)
	if !f.asking {
		p.lift(now)
	}
}

// ask asks a canary, where the row is long enough.
func (p *pace) ask() {
	f := &p.refusals
	if f.asking || f.known < knownRow && (f.all < newRow || !p.a.box.Unproven()) {
		return
	}
	f.asking, f.flush, p.probe = true, true, true
	p.a.log.Info("the API has refused many updates in a row; others tell whether it takes any", "refused", f.all)
}

// refuseAll pauses the drain but for canaries.
func (p *pace) refuseAll(ans api.Answer, now time.Time) {
	f := &p.refusals
	if p.halt != api.Refused {
		f.again = f.since
	}
	p.pause(api.Refused, ans, now.Add(p.a.opts.Config.API.RetryMax), now)
}

// mute deals with a canary that there is none of. Where that is not because an export is being applied, nothing tells
// that the API takes anything.
func (p *pace) mute(held bool, now time.Time) {
	switch {
	case !p.refusals.asking:
	case held:
		p.until = latest(p.until, now.Add(heldPause))
	default:
		p.refuseAll(api.Answer{Words: p.last}, now)
	}
}
