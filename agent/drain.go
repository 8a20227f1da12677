package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"tillpost/api"
	"tillpost/inventory"
	"tillpost/outbox"
)

const (
	// ackGroup is how many answers are committed together at the most, while more come.
	ackGroup = 1024
	// ackDelay is how long an answer waits for others to be committed with.
	ackDelay = 50 * time.Millisecond
	// together is how many plain answers lie there at the most until the drain is woken for them, and how many updates lie
	// ready for the workers meanwhile.
	together = 32
	// leastBatch is how many leases are asked for at the least where no rate is stated.
	leastBatch = 32
	// grace is how long requests that are on their way have when the agent stops, where the cause does not say it.
	grace = 10 * time.Second
	// diskPause is how long the drain waits before it tries again to store what was answered.
	diskPause = 2 * time.Second
	// heldPause is how long it waits for what is due while an export is being applied, unless it is woken.
	heldPause = time.Second
	// clockStep is how far the wall clock may leap before what waits for its time is looked at anew.
	clockStep = time.Second
)

// drain posts what the outbox leases. All decisions are made by one goroutine; the posting is done by workers and the
// committing by a clerk, so that neither waits for the other.
type drain struct {
	a       *Agent
	pace    pace
	work    chan *outbox.Lease
	halted  atomic.Bool  // what is in work is not to be sent
	alarms  atomic.Int32 // bad answers that are not judged yet: until then nothing is sent either
	rushes  atomic.Bool  // nothing slows the drain down: what is next lies ready, and plain answers are collected together
	landing *landing     // from the workers
	orders  chan order   // to the clerk
	turned  chan turn    // from it

	queue    []*outbox.Lease // leased, and not given to a worker
	ending   bool            // nothing more is to be sent
	flying   int             // given to a worker, or lying ready for one
	fresh    []answered      // see landing.collect
	answered []outbox.Result // not given to the clerk
	aside    []outbox.Result // see pace.judge
	since    time.Time       // of the first of them
	turning  bool            // the clerk has an order
	turnedAt time.Time       // since when, or when it got the last one
	asked    bool            // a canary is to tell what those put aside mean
	dead     bool            // the outbox has dead letters
	more     bool            // the outbox may have more to lease
	due      time.Time       // when it will have; zero = not by itself
	repeatAt time.Time       // when everything is sent once more, or goes on to be; zero = never
	retry    *order          // could not be stored
	retryAt  time.Time
	disk     trouble
}

type answered struct {
	lease  *outbox.Lease
	answer api.Answer
	sent   time.Time // zero = it was not
	kept   bool      // nor was it to be until a bad answer is judged: it goes back into the queue
}

// order is one outbox.Turn, and what goes with it.
type order struct {
	results []outbox.Result
	n       int
	revive  bool      // dead letters are to be put into the queue again
	again   time.Time // what was refused since then is to wait again; zero = nothing is
	canary  bool      // one is asked for; then n is 0
	repeat  int       // how many keys are to be sent once more (resend_all), while nothing waits
}

type turn struct {
	order  order
	leases []*outbox.Lease
	due    time.Time // when the outbox has something that waits for its time; zero = nothing does
	queued bool      // it has something now
	dead   bool      // it has dead letters
	held   bool      // there is no canary, for an export is being applied
	again  outbox.Repeated
	err    error
}

func newDrain(a *Agent) *drain {
	n := a.opts.Config.API.Concurrency
	d := &drain{a: a, work: make(chan *outbox.Lease, n+2*together), landing: newLanding(),
		orders: make(chan order), turned: make(chan turn, 1), more: true, disk: trouble{log: a.log}}
	d.pace = newPace(a)
	return d
}

// run drains until ctx ends; then nothing new is sent, requests on their way have their grace, and what came of them is
// stored. The error is the outbox's.
func (d *drain) run(ctx context.Context) error {
	sending, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	var parts sync.WaitGroup
	for range d.a.opts.Config.API.Concurrency {
		parts.Go(func() { d.post(sending) })
	}
	parts.Go(d.clerk)
	d.a.drains.Store(true)
	err := d.loop(ctx)
	d.a.drains.Store(false)
	d.ending = true
	d.halted.Store(true)
	timer := time.AfterFunc(graceOf(ctx), func() { cut(errors.New("the agent stops")) })
	defer timer.Stop()
	d.rushes.Store(false) // each answer calls from here on
	d.recall()
	close(d.work)
	for d.collect(); d.flying > 0; d.collect() {
		<-d.landing.call
	}
	if d.turning {
		if aerr := d.accept(<-d.turned); err == nil {
			err = aerr
		}
	}
	if err == nil {
		err = d.last()
	}
	close(d.orders)
	parts.Wait()
	d.pace.publish(0)
	return err
}

// post is a worker.
func (d *drain) post(ctx context.Context) {
	line := d.a.client.Line(ctx)
	defer line.Close()
	for l := d.next(); l != nil; l = d.next() {
		a := d.send(line, l)
		plain := a.answer.Verdict == api.Acknowledged && !a.sent.IsZero()
		if n := d.landing.put(a); !plain || n >= together || len(d.work) < together || !d.rushes.Load() {
			signal(d.landing.call)
		}
	}
}

// next is what the worker is to send; nil = it is to end. Before it waits for that, the drain is told.
func (d *drain) next() *outbox.Lease {
	select {
	case l := <-d.work:
		return l
	default:
		signal(d.landing.call)
		return <-d.work
	}
}

// send posts what is leased, unless it is not to be sent any more.
func (d *drain) send(line *api.Line, l *outbox.Lease) answered {
	key, err := inventory.DecodeKey(l.Key)
	if err != nil { // keys are checked when they enter the outbox, and whenever they are read from it
		panic(fmt.Sprintf("leased key %x: %v", l.Key, err))
	}
	if d.halted.Load() || d.a.paused.Load() {
		return answered{lease: l}
	}
	if d.alarms.Load() > 0 {
		return answered{lease: l, kept: true}
	}
	sent, quantity := time.Now(), d.a.box.Take(l)
	if d.a.box.Withdrawn(l) {
		return answered{lease: l}
	}
	a := line.Post(inventory.Update{Key: key, Quantity: quantity})
	if isAlarm(a) {
		d.alarms.Add(1)
	}
	return answered{lease: l, answer: a, sent: sent}
}

// isAlarm reports whether an answer may stop the drain.
func isAlarm(a api.Answer) bool {
	return a.Verdict != api.Acknowledged && a.Verdict != api.Refused
}

// clerk deals with the outbox, one order at a time.
func (d *drain) clerk() {
	for o := range d.orders {
		d.turned <- d.carryOut(o)
	}
}

// carryOut does what is ordered. Where it fails all of it may be done again: leases are handed out last, so that none is
// lost then.
func (d *drain) carryOut(o order) (t turn) {
	t.order = o
	box, now := d.a.box, time.Now()
	if o.revive || !o.again.IsZero() {
		if t.err = d.reopen(o, now); t.err != nil {
			return t
		}
		o.results = nil
	}
	if o.repeat > 0 {
		if t.again, t.err = box.Repeat(d.a.opts.Config.ResendAll, o.repeat, now); t.err != nil {
			return t
		}
	}
	if t.leases, t.err = box.Turn(o.results, o.n, now); t.err != nil {
		return t
	}
	if o.canary {
		l, ok, err := box.Canary(now)
		if err != nil {
			t.err = err
			return t
		}
		if t.held = !ok; l != nil {
			t.leases = []*outbox.Lease{l}
		}
	}
	due, ok, err := box.NextDue()
	if ok {
		t.due = due
	}
	if t.err = err; err == nil {
		t.queued, t.err = box.Queued()
	}
	t.dead = box.HasDead()
	return t
}

// reopen lets what was refused be sent again, once what was answered is stored.
func (d *drain) reopen(o order, now time.Time) error {
	box := d.a.box
	if _, err := box.Turn(o.results, 0, now); err != nil {
		return err
	}
	if o.revive {
		if _, err := d.a.noteSetUp(); err != nil {
			return err
		}
		if _, _, err := box.RetryDead(nil, now); err != nil {
			return err
		}
	}
	if o.again.IsZero() {
		return nil
	}
	_, err := box.WaitAgain(o.again, now)
	return err
}

// loop feeds the workers and orders turns until ctx ends.
func (d *drain) loop(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	last := time.Now()
	armed := last.Add(time.Hour)
	for {
		now := time.Now()
		if leap := now.Round(0).Sub(last.Round(0)) - now.Sub(last); leap.Abs() > clockStep {
			d.more = true // the outbox then corrects when things are due
			if !d.repeatAt.IsZero() {
				d.repeatAt = now
			}
		}
		last = now
		d.collect()
		d.pace.look(now)
		d.rush()
		d.halt(now)
		d.order(now)
		if at := d.wakeAt(now, d.feed(now)); !at.Equal(armed) || !now.Before(armed) { // by no clock, so that one that is set changes it
			timer.Reset(at.Sub(now))
			armed = at
		}
		d.pace.publish(d.unstored())
		select {
		case <-ctx.Done():
			return nil
		case <-d.landing.call:
		case t := <-d.turned:
			if err := d.accept(t); err != nil {
				return err
			}
		case <-d.a.wake:
			d.more = true
		case pulse := <-d.a.pulses:
			pulse <- d.pulse(time.Now())
		case <-timer.C:
		}
	}
}

// feed gives leases to the workers as long as there are free ones and nothing forbids it, and says when to go on if that
// is a matter of time (zero = when something happens: every answer means a free worker).
func (d *drain) feed(now time.Time) (wait time.Time) {
	for len(d.queue) > 0 && d.retry == nil && d.room() {
		ok, until := d.pace.may(now, d.flying)
		if !ok {
			return until
		}
		if until := d.pace.space(now); !until.IsZero() {
			return until
		}
		if until := d.a.ticket(now); !until.IsZero() {
			return until
		}
		d.pace.left(now)
		d.work <- d.queue[0]
		d.queue = d.queue[1:]
		d.flying++
	}
	return time.Time{}
}

// rush sees whether anything slows the drain down. Where that begins, what lies ready is taken back.
func (d *drain) rush() {
	was, is := d.rushes.Load(), d.unlimited() && !d.pace.probe && d.pace.gap() == 0
	d.rushes.Store(is)
	if was && !is {
		d.recall()
	}
}

// recall takes back what lies ready.
func (d *drain) recall() {
	var back []*outbox.Lease
	for n := len(d.work); n > 0; n-- { // the workers take from it too
		select {
		case l := <-d.work:
			back = append(back, l)
		default:
		}
	}
	d.queue = append(back, d.queue...)
	d.flying -= len(back)
	d.landed()
}

// halt tells the workers whether what lies ready may be sent.
func (d *drain) halt(now time.Time) { d.halted.Store(d.ending || d.pace.halted(now)) }

func (d *drain) unlimited() bool { return d.a.limiter.Limit() == rate.Inf }

// room reports whether a worker can be given something. Where anything limits the rate nothing lies ready before a worker
// is free: what has waited for one would leave later than the limit meant, and together with what comes after it. Else there
// lies ready one for each worker, and what they send in a tenth of a second: an urgent update goes behind all of it.
func (d *drain) room() bool {
	n := d.a.opts.Config.API.Concurrency
	if d.rushes.Load() {
		return len(d.work) < min(cap(d.work), n+max(d.pace.flow.n, d.pace.flow.was)/10)
	}
	return d.flying < n
}

// batch is how many leases are asked for: what the rate lets go in a second, so that an update that could oversell does
// not wait behind others that were leased before it.
func (d *drain) batch() int {
	if d.pace.probe {
		return 1
	}
	rate := d.a.opts.Config.API.Rate
	if math.IsInf(rate, 1) { // what went in a second tells then; at first, it doubles with each batch
		rate = float64(max(leastBatch, 4*d.a.opts.Config.API.Concurrency, d.pace.flow.n, d.pace.flow.was))
	}
	if gap := d.pace.gap(); gap > 0 {
		rate = min(rate, 1/gap.Seconds())
	}
	return int(min(outbox.MaxLease, math.Ceil(rate)))
}

// order gives the clerk an order where one is due.
func (d *drain) order(now time.Time) {
	if d.turning {
		return
	}
	if d.retry != nil {
		if !now.Before(d.retryAt) {
			d.give(*d.retry)
			d.retry = nil
		}
		return
	}
	ok, _ := d.pace.may(now, 0)
	asking := d.pace.refusals.asking
	if len(d.queue) > 0 && (!ok || asking && !d.queue[0].Canary) {
		d.handBack(now)
	}
	if !d.due.IsZero() && !now.Before(d.due) {
		d.more, d.due = true, time.Time{}
	}
	o := order{revive: d.pace.revive, again: d.pace.refusals.again}
	idle := len(d.queue) == 0 && d.flying == 0
	full := len(d.answered) >= ackGroup || len(d.answered) > 0 && (d.flying == 0 || now.Sub(d.since) >= ackDelay)
	switch size := d.batch(); {
	case !ok:
	case asking:
		o.canary = idle
	case d.more && (len(d.queue) == 0 || len(d.queue) < size/4 || full && len(d.queue) < size*3/4): // in one transaction, if it can be
		o.n = size - len(d.queue)
	case !d.more && idle && len(d.aside) > 0 && !d.asked: // there is nothing else to send that could tell what they mean
		d.asked, o.canary = true, true
	case !d.more && idle:
		d.unaside(now)
		o.n, o.repeat = d.repeats(now, size)
	}
	if o.n > 0 || full || o.revive || !o.again.IsZero() || o.canary || o.repeat > 0 {
		if o.n > 0 {
			d.more = false // what comes from here on wakes the drain
		}
		o.results, d.answered = d.answered, nil
		d.pace.revive, d.pace.refusals.again = false, time.Time{}
		d.give(o)
	}
}

// handBack gives back to the outbox what was leased and not sent: it may be superseded or outdone until the drain goes on.
func (d *drain) handBack(now time.Time) {
	for _, l := range d.queue {
		d.answered = append(d.answered, outbox.Result{Lease: l, Outcome: outbox.Unsent})
	}
	d.queue, d.more = nil, true
	d.since = now.Add(-ackDelay)
}

func (d *drain) give(o order) {
	d.turning, d.turnedAt = true, time.Now()
	d.orders <- o
}

// wakeAt is when the loop must go on at the latest, in any case and for each of its reasons. Each is compared with now alone:
// where the clock was set, two of them may not be compared, for some are of the clock and some of no clock.
func (d *drain) wakeAt(now, free time.Time) time.Time {
	wait := now.Add(time.Hour).Truncate(time.Hour).Sub(now)
	earlier := func(t time.Time) {
		if !t.IsZero() {
			wait = min(wait, t.Sub(now))
		}
	}
	earlier(free)
	if d.retry != nil && !d.turning {
		earlier(d.retryAt)
	}
	if len(d.answered) > 0 && d.retry == nil && !d.turning {
		earlier(d.since.Add(ackDelay))
	}
	if !d.pace.eased.IsZero() {
		earlier(d.pace.eased.Add(calm))
	}
	if d.dead {
		earlier(d.pace.looked.Add(tokenRest))
	}
	if d.flying > 0 && d.unlimited() { // plain answers need not call
		earlier(now.Add(ackDelay))
	}
	ok, until := d.pace.may(now, d.flying)
	if ok && !d.turning {
		earlier(d.due)
		earlier(d.nextRepeat(now))
	}
	if !ok {
		earlier(until)
	}
	return now.Add(wait)
}

// collect deals with the answers that have come.
func (d *drain) collect() {
	d.fresh = d.landing.collect(d.fresh)
	var back []*outbox.Lease
	for _, a := range d.fresh {
		if a.kept {
			back = append(back, a.lease)
		}
		d.take(a)
	}
	if len(back) > 0 {
		d.queue = append(back, d.queue...)
	}
}

// take deals with an answer.
func (d *drain) take(a answered) {
	d.flying--
	now := time.Now()
	if len(d.answered) == 0 {
		d.since = now
	}
	if a.sent.IsZero() {
		if !a.kept {
			d.answered = append(d.answered, outbox.Result{Lease: a.lease, Outcome: outbox.Unsent})
		}
		d.landed()
		return
	}
	d.a.tally.count(a.answer)
	r, aside := d.pace.judge(a, now)
	d.unaside(now)
	if aside {
		d.aside = append(d.aside, r)
	} else {
		d.answered = append(d.answered, r)
	}
	d.landed()
	d.halt(now)
	if isAlarm(a.answer) {
		d.alarms.Add(-1)
	}
}

// landed notes that what was waited for before a canary is asked has come back.
func (d *drain) landed() {
	if d.flying == 0 {
		d.pace.refusals.flush = false
	}
}

// unaside lets the results be stored that were put aside.
func (d *drain) unaside(now time.Time) {
	if len(d.aside) == 0 {
		return
	}
	if len(d.answered) == 0 {
		d.since = now
	}
	d.answered, d.aside, d.asked = append(d.answered, d.aside...), nil, false
}

// unstored is how many answers are kept back for longer than it takes to store them.
func (d *drain) unstored() int {
	n := len(d.aside)
	if d.retry != nil {
		n += len(d.retry.results) + len(d.answered)
	}
	return n
}

// accept deals with what came of an order. Where the disk was full the order is given again later, and nothing is sent
// until then: an acknowledgement that cannot be stored would be asked for for ever.
func (d *drain) accept(t turn) error {
	d.turning = false
	if _, full := errors.AsType[*outbox.FullError](t.err); full {
		d.disk.begin("acknowledgements cannot be stored; nothing is sent until they can", t.err)
		d.retry, d.retryAt = &t.order, time.Now().Add(diskPause)
		d.pace.full = t.err
		return nil
	}
	if t.err != nil {
		return t.err
	}
	d.disk.end("acknowledgements can be stored again")
	d.pace.full = nil
	d.queue = append(d.queue, t.leases...)
	d.dead = t.dead
	d.repeated(t)
	if t.order.canary && len(t.leases) == 0 {
		d.pace.mute(t.held, time.Now())
	}
	d.more, d.due = d.more || t.queued, t.due // a wake-up may have come since the clerk has looked
	if now := time.Now(); t.order.n > 0 && len(t.leases) == 0 && !t.due.IsZero() && !t.due.After(now) {
		d.due = now.Add(heldPause) // nothing is handed out while an export is applied, and its end wakes the drain
	}
	if len(t.order.results) > 0 {
		signal(d.a.quiet)
	}
	return nil
}

// last stores what is known when the drain stops.
func (d *drain) last() error {
	results := append(d.answered, d.aside...)
	if d.retry != nil {
		results = append(results, d.retry.results...)
	}
	for _, l := range d.queue {
		results = append(results, outbox.Result{Lease: l, Outcome: outbox.Unsent})
	}
	o := order{results: results, again: d.pace.refusals.again}
	if d.retry != nil && o.again.IsZero() {
		o.again = d.retry.again
	}
	if err := d.reopen(o, time.Now()); err != nil {
		return fmt.Errorf("store what was answered last: %w", err)
	}
	return nil
}
