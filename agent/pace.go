package agent

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tillpost/api"
	"tillpost/inventory"
	"tillpost/outbox"
)

const (
	// apart is the longest that the drain waits between two tries to make a connection at all.
	apart = 30 * time.Second
	// calm is how long the API must have taken updates until its trouble is over: what comes and goes is one trouble.
	calm = 30 * time.Second
	// patience is how long single updates may fail, while none passes, until that is a trouble.
	patience = time.Minute
	// tokenLook is how often a paused drain looks whether the token has changed, and
	tokenLook = time.Second
	// tokenRest how often one does that is not.
	tokenRest = time.Minute
)

// What keeps the drain from delivering, as the status tells it.
const (
	stateOK      = "ok"
	stateToken   = "token not accepted"
	stateNotOurs = "not our API"
	stateRefuses = "everything refused"
	stateOffline = "no connection"
	stateFailing = "failing"
	stateSlowed  = "slowed down"
	stateDisk    = "disk full"
)

// pace says when requests may leave: it judges the answers for the drain as a whole. It belongs to the drain's
// goroutine; publish shows the status what it has come to.
type pace struct {
	a       *Agent
	trouble trouble
	deaths  told

	refusals refusals
	crowd    throttle  // for 429
	strain   throttle  // for 503
	flow     flow      // requests
	next     time.Time // the next request leaves no earlier, where the drain is slowed down

	halt    api.Verdict          // TokenBad, NotOurAPI or Refused while the drain is paused for one of them, else Acknowledged
	until   time.Time            // nothing is sent before, by our own judgement
	asked   time.Time            // nothing is sent before, for the API asked for it
	probe   bool                 // one request at a time, to see whether it works again
	renewed int                  // how often the token had changed when the drain looked last, and
	looked  time.Time            // when that was
	revive  bool                 // the token has changed since dead letters were put into the queue again for that
	paused  bool                 // by command
	misses  int                  // failures in a row, of whatever key
	missed  time.Time            // when the first of them came
	eased   time.Time            // since when the API takes updates again; zero = it was not in trouble, or is
	last    string               // the words of the last failure
	state   string               // as the status tells it
	full    error                // why answers cannot be stored
	passed  time.Time            // when the newest request left that was acknowledged, and
	stopped time.Time            // the newest that paused the drain
	denied  map[string]time.Time // keys that the drain was paused for -> when their request left; at most maxDenied
	shown   drainState           // published last
}

// maxDenied bounds what is remembered of keys that the drain was paused for. Forgetting one costs another pause.
const maxDenied = 1000

// drainState is what the status tells of the drain.
type drainState struct {
	state string // "ok" or why not
	err   string // the last failure's words; it stays after it is over
	since time.Time
	pause bool // by itself
	kept  int  // answers that are not stored yet: their requests are not in flight any more
}

func newPace(a *Agent) pace {
	return pace{a: a, trouble: trouble{log: a.log}, deaths: newTold(a.log), halt: api.Acknowledged, state: stateOK, denied: map[string]time.Time{},
		renewed: a.tokens.look(), looked: time.Now(),
		crowd:  throttle{down: 0.8, up: 1.02, fast: 1.1, floor: 0.1},
		strain: throttle{down: 0.95, up: 1.15, fast: 1.15, share: 0.1}}
}

// look takes in what changed outside: a command to pause, another token.
func (p *pace) look(now time.Time) {
	p.paused = p.a.paused.Load()
	if !p.eased.IsZero() && now.Sub(p.eased) >= calm {
		p.trouble.end("the API takes updates again")
		p.eased = time.Time{}
		if p.state == stateSlowed {
			p.state = stateOK
		}
	}
	paused := p.halt == api.TokenBad || p.halt == api.Refused
	if since := now.Sub(p.looked); since < tokenLook || since < tokenRest && !paused {
		return
	}
	p.looked = now
	n := p.a.tokens.look()
	if n == p.renewed {
		return
	}
	p.renewed, p.revive = n, true
	p.a.log.Info("the token has changed; what was refused is tried with it")
	if paused {
		p.until = now
	}
}

// may reports whether a request may leave while others are on their way; if not, when to ask again (zero = when
// something happens).
func (p *pace) may(now time.Time, flying int) (ok bool, until time.Time) {
	switch {
	case p.paused || p.full != nil:
		return false, time.Time{}
	case now.Before(p.asked):
		return false, latest(p.asked, p.until)
	case now.Before(p.until):
		if p.halt == api.TokenBad || p.halt == api.Refused {
			return false, earliest(p.until, p.looked.Add(tokenLook))
		}
		return false, p.until
	case (p.probe || p.refusals.flush) && flying > 0:
		return false, time.Time{}
	}
	return true, time.Time{}
}

// halted reports whether what the workers have been given, and have not sent, is not to be sent either.
func (p *pace) halted(now time.Time) bool {
	return p.paused || p.full != nil || p.refusals.flush || now.Before(p.asked) || now.Before(p.until)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// judge takes an answer into account and says what becomes of the key: the contract's table of answers. With aside, the
// result is to be stored only after another answer has come, or where there is nothing else to send.
func (p *pace) judge(a answered, now time.Time) (r outbox.Result, aside bool) {
	ans := a.answer
	r = outbox.Result{Lease: a.lease, Doubt: ans.Doubt, Status: ans.Status, Unknown: ans.Unknown, Words: ans.Words}
	switch ans.Verdict {
	case api.Acknowledged:
		r.Outcome = outbox.Acknowledged
		p.passed = latest(p.passed, a.sent)
		p.well(a, now)
	case api.Refused:
		p.refuse(a, &r, now)
	case api.TokenBad, api.NotOurAPI:
		aside = p.deny(a, &r, now)
	case api.Later:
		p.later(a, &r, now)
	}
	return r, aside
}

// refused tells of a dead letter.
func (p *pace) refused(a answered) {
	if a.lease.Ledger {
		return // what was acknowledged stands
	}
	key, err := inventory.DecodeKey(a.lease.Key)
	if err == nil && !a.lease.Again { // what is refused once more is no news
		p.deaths.warn("the API has refused an update for good: a dead letter", "key", key.String(), "status", a.answer.Status, "err", a.answer.Words)
	}
}

// well notes that the API has taken an update.
func (p *pace) well(a answered, now time.Time) {
	p.misses = 0
	delete(p.denied, string(a.lease.Key))
	p.crowd.ease(now)
	p.strain.ease(now)
	p.refusals.end(a)
	if !p.refusals.asking {
		p.lift(now)
	}
}

// lift lets requests leave again, unless the API has asked for a pause: then this was the answer to one from before.
func (p *pace) lift(now time.Time) {
	if p.asked.After(now) {
		return
	}
	p.until, p.probe, p.halt, p.state = time.Time{}, false, api.Acknowledged, stateOK
	if p.slowed() && !p.trouble.since.IsZero() {
		p.state = stateSlowed
	}
	if p.eased.IsZero() && !p.trouble.since.IsZero() {
		p.eased = now
	}
}

// wrong notes what is wrong with the API as a whole.
func (p *pace) wrong(what string, ans api.Answer) {
	p.eased = time.Time{}
	p.trouble.begin(what, answerError(ans))
}

// miss counts a failure.
func (p *pace) miss(now time.Time) {
	if p.misses++; p.misses == 1 {
		p.missed = now
	}
}

// deny deals with an answer that pauses the drain. Where the key got such a one before, and a request that left no
// earlier was acknowledged, it is about the key alone: a 403 makes a dead letter of it, after anything else it is tried
// again on its own, and ever later.
func (p *pace) deny(a answered, r *outbox.Result, now time.Time) (aside bool) {
	if a.lease.Canary { // what was acknowledged stands, what waits waits on
		p.stopped = a.sent
		p.stop(a.answer, now)
		return false
	}
	key, forbidden := string(a.lease.Key), a.answer.Status == http.StatusForbidden
	at, before := p.denied[key]
	alone := before && !p.passed.Before(at)
	if alone && p.halt != api.Acknowledged && !p.passed.Before(p.stopped) {
		p.lift(now) // it was paused for such keys only
	}
	switch {
	case forbidden && (alone || p.wasForbidden(a.lease)):
		delete(p.denied, key)
		p.last, r.Outcome = a.answer.Words, outbox.Refused
		p.refused(a)
		return false
	case alone:
		p.last, p.denied[key] = a.answer.Words, a.sent
		r.Outcome, r.Due = outbox.Failed, p.retryAt(a.lease, now)
		return false
	case !before:
		if len(p.denied) >= maxDenied {
			clear(p.denied)
		}
		p.denied[key] = a.sent
	}
	p.stopped = a.sent
	p.stop(a.answer, now)
	return true
}

// wasForbidden reports whether a lease is of a dead letter that got a 403 before: one more says nothing of the token.
func (p *pace) wasForbidden(l *outbox.Lease) bool {
	if !l.Again {
		return false
	}
	d, err := p.a.box.DeadLetter(l.Key)
	return err == nil && d.Status == http.StatusForbidden
}

// stop pauses the whole drain but for probes: the first of them soon, for it may be this key alone, and then one every
// retry.max. The key is put aside, so that another one probes next, if there is one.
func (p *pace) stop(ans api.Answer, now time.Time) {
	c := p.a.opts.Config.API
	wait := c.RetryMax
	if p.halt == api.Acknowledged {
		wait = c.RetryMin
	}
	p.pause(ans.Verdict, ans, now.Add(wait), now)
}

// pause pauses the drain but for probes, the first of them at a time. The verdict says why: TokenBad, NotOurAPI or Refused.
func (p *pace) pause(why api.Verdict, ans api.Answer, until, now time.Time) {
	if p.halt != why {
		p.looked = now
	}
	p.halt, p.last, p.probe, p.until = why, ans.Words, true, until
	var what string
	switch why {
	case api.NotOurAPI:
		what, p.state = "sending is paused: what answers is not the Inventory Update API", stateNotOurs
	case api.Refused:
		what, p.state = "sending is paused: the API refuses everything, also what it took before or has in stock", stateRefuses
	default:
		what, p.state = "sending is paused: the API does not take the token", stateToken
	}
	p.wrong(what, ans)
}

// later deals with an update that could not be delivered for now.
func (p *pace) later(a answered, r *outbox.Result, now time.Time) {
	ans, c := a.answer, p.a.opts.Config.API
	p.last = ans.Words
	if ans.NoConnection { // nothing was sent: the key keeps its place
		p.offline(ans, now)
		return
	}
	r.Outcome, r.Due = outbox.Failed, p.retryAt(a.lease, now)
	p.miss(now)
	slow := p.slowDown(a, now)
	switch {
	case slow && ans.RetryAfter > 0:
		p.state, p.probe = stateSlowed, true
		p.asked = latest(p.asked, now.Add(ans.RetryAfter))
		// Others go before it, the more the longer the pause: it may be that key alone.
		r.Due = p.asked.Add(max(r.Due.Sub(now), min(ans.RetryAfter/10, c.RetryMax)))
		p.wrong("the API asks for a pause", ans)
	case p.misses >= 4*c.Concurrency || now.Sub(p.missed) >= patience || a.lease.Canary:
		// Nothing but failures: one request at a time, so that an API that is down is not stormed.
		p.state, p.probe = stateFailing, true
		p.until = latest(p.until, now.Add(p.jitter(c.RetryMin, min(apart, c.RetryMax), p.misses/c.Concurrency+1)))
		p.wrong("the API takes no updates; it is tried until it does", ans)
	case ans.RetryAfter > 0:
		r.Due = latest(r.Due, now.Add(ans.RetryAfter))
	}
	if p.state == stateOK && a.lease.Attempts+1 == failingOften {
		p.fails(a)
	}
}

// failingOften is how many failures in a row make an update one that keeps failing; the status tells of it from then on.
const failingOften = 3

// fails tells of an update that keeps failing while others pass.
func (p *pace) fails(a answered) {
	if key, err := inventory.DecodeKey(a.lease.Key); err == nil {
		p.deaths.warn("an update fails again and again; it is tried ever more slowly, and holds nothing up", "key", key.String(), "status", a.answer.Status, "err", a.answer.Words)
	}
}

// slowDown slows the drain down where the answer asks for it. While there are only probes they are slow enough.
func (p *pace) slowDown(a answered, now time.Time) bool {
	var t *throttle
	switch a.answer.Status {
	case http.StatusTooManyRequests:
		t = &p.crowd
	case http.StatusServiceUnavailable:
		t = &p.strain
	default:
		return false
	}
	if p.probe {
		return true
	}
	t.slow(a.sent, now, p.a.opts.Config.API.Rate, float64(max(p.flow.n, p.flow.was)))
	if p.slowed() {
		p.state = stateSlowed
		p.wrong("the API wants fewer requests; it gets them more slowly", a.answer)
	}
	return true
}

// offline lets the drain back off as one. Requests that found no connection together count as one failure.
func (p *pace) offline(ans api.Answer, now time.Time) {
	c := p.a.opts.Config.API
	if p.state != stateOffline || !now.Before(p.until) {
		p.miss(now)
		p.until = latest(p.until, now.Add(p.jitter(c.RetryMin, min(apart, c.RetryMax), p.misses)))
	}
	p.state, p.probe = stateOffline, true
	p.wrong("no connection to the API; it is tried until there is one", ans)
}

// retryAt is when an update that failed is tried again.
func (p *pace) retryAt(l *outbox.Lease, now time.Time) time.Time {
	c := p.a.opts.Config.API
	return now.Add(p.jitter(c.RetryMin, c.RetryMax, int(min(l.Attempts, 100))+1))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// jitter is the wait after the n-th failure in a row: exponential, with full jitter, at least a tenth of least and at
// most most.
func (p *pace) jitter(least, most time.Duration, n int) time.Duration {
	wait := min(least, most)
	for range n - 1 {
		if wait > most/2 {
			wait = most
			break
		}
		wait *= 2
	}
	return max(min(least, most)/10, time.Duration(p.a.chance.Int64N(int64(wait)))+1)
}

// answerError is an answer as the log tells it: its status, and what was said beyond that.
func answerError(a api.Answer) error {
	status := fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
	switch {
	case a.Status == 0, strings.HasPrefix(a.Words, status):
		return errors.New(a.Words)
	case a.Words == "", a.Words == http.StatusText(a.Status):
		return errors.New(status)
	}
	return fmt.Errorf("%s: %s", status, a.Words)
}

// publish shows the status how the drain is, where that has changed.
func (p *pace) publish(kept int) {
	s := drainState{state: p.state, err: p.last, since: p.trouble.since, pause: p.halt != api.Acknowledged, kept: kept}
	if p.full != nil {
		s.state, s.err, s.pause = stateDisk, p.full.Error(), true
	}
	if s == p.shown {
		return
	}
	p.shown = s
	p.a.mu.Lock()
	p.a.drain = s
	p.a.mu.Unlock()
	p.a.changes()
}
