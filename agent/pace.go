package agent

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"tillpost/api"
	"tillpost/outbox"
)

const (
	// apart is the longest that the drain waits between two tries to make a connection at all.
	apart = 30 * time.Second
	// tokenLook is how often a drain that is paused for its token looks whether that has changed.
	tokenLook = time.Second
)

// What keeps the drain from delivering, as the status tells it.
const (
	stateOK      = "ok"
	stateToken   = "token not accepted"
	stateNotOurs = "not our API"
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

	halt   api.Verdict // TokenBad or NotOurAPI while the drain is paused for one of them, else Acknowledged
	until  time.Time   // nothing is sent before
	probe  bool        // one request at a time, to see whether it works again
	token  string      // that was bad
	looked time.Time   // at the token
	paused bool        // by command
	misses int         // failures in a row, of whatever key
	last   string      // the words of the last failure
	state  string
	full   error
	denied map[string]bool // keys that got 403 -> whether others have passed since
}

// drainState is what the status tells of the drain.
type drainState struct {
	state string // "ok" or why not
	err   string // the last failure's words; it stays after it is over
	since time.Time
	pause bool // by itself
}

func newPace(a *Agent) pace {
	return pace{a: a, trouble: trouble{log: a.log}, halt: api.Acknowledged, state: stateOK, denied: map[string]bool{}}
}

// look takes in what changed outside: a command to pause, another token.
func (p *pace) look(now time.Time) {
	p.a.mu.Lock()
	p.paused = p.a.pausedByCommand
	p.a.mu.Unlock()
	if p.halt != api.TokenBad || now.Sub(p.looked) < tokenLook {
		return
	}
	p.looked = now
	if token, err := p.a.opts.Token(); err == nil && token != p.token {
		p.until, p.token = now, token
		p.a.log.Info("the token has changed; it is tried")
	}
}

// may reports whether a request may leave while others are on their way; if not, when to ask again (zero = when
// something happens).
func (p *pace) may(now time.Time, flying int) (ok bool, until time.Time) {
	switch {
	case p.paused || p.full != nil:
		return false, time.Time{}
	case now.Before(p.until):
		if p.halt == api.TokenBad {
			return false, earliest(p.until, p.looked.Add(tokenLook))
		}
		return false, p.until
	case p.probe && flying > 0:
		return false, time.Time{}
	}
	return true, time.Time{}
}

// halted reports whether what the workers have been given, and have not sent, is not to be sent either.
func (p *pace) halted(now time.Time) bool {
	return p.paused || p.full != nil || now.Before(p.until)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (p *pace) diskFull(err error) {
	p.full = err
	p.publish()
}

// judge takes an answer into account and says what becomes of the key: the contract's table of answers. With aside, the
// result is to be stored only after another answer has come, or where there is nothing else to send.
func (p *pace) judge(a answered, now time.Time) (r outbox.Result, aside bool) {
	ans := a.answer
	r = outbox.Result{Lease: a.lease, Doubt: ans.Doubt, Status: ans.Status, Unknown: ans.Unknown, Words: ans.Words}
	switch ans.Verdict {
	case api.Acknowledged:
		r.Outcome = outbox.Acknowledged
		p.well(now)
		for k := range p.denied {
			p.denied[k] = true
		}
		delete(p.denied, string(a.lease.Key))
	case api.Refused:
		r.Outcome = outbox.Refused
		p.well(now)
	case api.TokenBad:
		aside = p.tokenBad(a, &r, now)
	case api.NotOurAPI:
		p.stop(api.NotOurAPI, a, now)
		aside = true
	case api.Later:
		p.later(a, &r, now)
	}
	return r, aside
}

// well notes that the API has dealt with an update.
func (p *pace) well(now time.Time) {
	p.misses = 0
	if p.state == stateSlowed && p.until.After(now) {
		return // the answer to a request from before; the pause that the API asked for is kept
	}
	p.until, p.probe, p.halt, p.state = time.Time{}, false, api.Acknowledged, stateOK
	p.trouble.end("the API takes updates again")
}

// stop pauses the whole drain but for a probe every retry.max. The key is put aside, so that another one probes next, if
// there is one: it may be that key alone.
func (p *pace) stop(why api.Verdict, a answered, now time.Time) {
	p.halt, p.last, p.probe, p.until = why, a.answer.Words, true, now.Add(p.a.opts.Config.API.RetryMax)
	what := "the drain is paused: the API does not take the token"
	p.state = stateToken
	if why == api.NotOurAPI {
		what, p.state = "the drain is paused: what answers is not the Inventory Update API", stateNotOurs
	}
	p.trouble.begin(what, answerError(a.answer))
}

// tokenBad pauses the drain for its token; but a 403 for a key while others pass is that key's own dead letter.
func (p *pace) tokenBad(a answered, r *outbox.Result, now time.Time) (aside bool) {
	key := string(a.lease.Key)
	if a.answer.Status == http.StatusForbidden {
		if p.denied[key] { // others have passed since it was denied first
			delete(p.denied, key)
			r.Outcome = outbox.Refused
			return false
		}
		if len(p.denied) < outbox.MaxLease {
			p.denied[key] = false
		}
	}
	if p.halt != api.TokenBad {
		p.token, _ = p.a.opts.Token() // an error is told by the answer already
		p.looked = now
	}
	p.stop(api.TokenBad, a, now)
	return true
}

// later deals with an update that could not be delivered for now.
func (p *pace) later(a answered, r *outbox.Result, now time.Time) {
	ans, c := a.answer, p.a.opts.Config.API
	p.last = ans.Words
	if ans.NoConnection {
		p.misses++
		p.state, p.probe = stateOffline, true
		p.until = now.Add(jitter(c.RetryMin, min(apart, c.RetryMax), p.misses))
		p.trouble.begin("no connection to the API; it is tried until there is one", answerError(ans))
		return // nothing was sent: the key keeps its place
	}
	r.Outcome = outbox.Failed
	r.Due = now.Add(jitter(c.RetryMin, c.RetryMax, int(a.lease.Attempts)+1))
	p.misses++
	slow := ans.Status == http.StatusTooManyRequests || ans.Status == http.StatusServiceUnavailable
	switch {
	case slow && ans.RetryAfter > 0:
		p.state = stateSlowed
		p.until = latest(p.until, now.Add(ans.RetryAfter))
		r.Due = latest(r.Due, p.until)
		p.probe = true
		p.trouble.begin("the API asks for a pause", answerError(ans))
	case slow || p.misses >= 4*c.Concurrency:
		// Nothing but failures: one request at a time, so that an API that is down is not stormed.
		p.state, p.probe = stateFailing, true
		p.until = latest(p.until, now.Add(jitter(c.RetryMin, min(apart, c.RetryMax), p.misses/c.Concurrency+1)))
		p.trouble.begin("the API takes no updates; it is tried until it does", answerError(ans))
	case ans.RetryAfter > 0:
		r.Due = latest(r.Due, now.Add(ans.RetryAfter))
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// jitter is the wait after the n-th failure in a row: exponential, with full jitter, never less than a tenth of least.
func jitter(least, most time.Duration, n int) time.Duration {
	wait := least
	for range min(n-1, 40) {
		if wait *= 2; wait >= most {
			break
		}
	}
	wait = min(wait, most)
	return max(least/10, rand.N(wait+1))
}

func answerError(a api.Answer) error {
	if a.Status == 0 {
		return fmt.Errorf("%s", a.Words)
	}
	return fmt.Errorf("%d %s: %s", a.Status, http.StatusText(a.Status), a.Words)
}

// publish shows the status how the drain is.
func (p *pace) publish() {
	s := drainState{state: p.state, err: p.last, since: p.trouble.since, pause: p.halt != api.Acknowledged}
	if p.full != nil {
		s.state, s.err, s.pause = stateDisk, p.full.Error(), true
	}
	p.a.mu.Lock()
	defer p.a.mu.Unlock()
	p.a.drain = s
}
