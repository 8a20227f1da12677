package main_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillpost/testkit"
)

var killMutants = flag.Bool("mutants", false, "see that each deliberately wrong agent is caught, some minutes of work")

// harness is what must catch a wrong agent.
type harness struct {
	name, pkg, test string
	args, env       []string
	caught          *regexp.Regexp // what it says then
	clock           bool           // it sets the clock: testkit.SetClock

	// Of one that draws what it tries; caught's group is how many of these were in order before, or the seed of the wrong one.
	count, first string // the flags that say how many it tries at most, and the seed with which it begins
	seed, most   uint64 // the seed where a mutant says none
	bySeed       bool
}

var (
	// model is the outbox against maps: outbox/model_test.go.
	model = harness{name: "the model", pkg: "./outbox", test: "TestTheOutboxAgreesWithAModel",
		args: []string{"-rapid.steps=40", "-rapid.nofailfile", "-rapid.shrinktime=1ms"}, caught: regexp.MustCompile(`failed after (\d+) tests`),
		count: "-rapid.checks=", first: "-rapid.seed=", most: 8000}

	// weeks is the whole agent in a virtual world: agent/weeks_test.go.
	weeks = harness{name: "the weeks", pkg: "./agent", test: "TestWeeks", caught: regexp.MustCompile(`go test \./agent -run TestWeeks -week (\d+)`),
		count: "-weeks=", first: "-week=", most: 60, bySeed: true}

	kills  = harness{name: "the kills", pkg: ".", test: "TestKilledAtRandomMoments", caught: failed}
	soak   = harness{name: "the soak", pkg: ".", test: "TestNothingGrows", caught: failed}
	damage = harness{name: "damage", pkg: "./cli", test: "TestDamagedOutboxesEndWithTheRightQuantities", caught: failed}
	nth    = harness{name: "the n-th call that fails", pkg: "./outbox", test: "TestEveryCallThatFailsOnceLosesNothing", caught: failed}

	trail = harness{name: "two outboxes", pkg: "./outbox", test: "TestATrailChangesNothingButTheSpeed",
		args: []string{"-rapid.nofailfile", "-rapid.shrinktime=1ms"}, caught: regexp.MustCompile(`failed after (\d+) tests`),
		count: "-rapid.checks=", first: "-rapid.seed=", seed: 6, most: 8000}

	clock = harness{name: "a clock that is set", pkg: "./outbox", test: "TestAClockThat.*", clock: true, caught: failed}

	// clockWeeks is weeks with a clock that is set: clockset_test.go.
	clockWeeks = harness{name: "the weeks with a clock that is set", pkg: "./agent", test: "TestWeeks", clock: true,
		caught: regexp.MustCompile(`-clockweeks 1 -clockweek (\d+)`), count: "-weeks=", first: "-week=", seed: 85, most: 60, bySeed: true}

	clockAgent = harness{name: "an agent whose clock is set", pkg: "./agent", test: "TestAClockThat.*", clock: true, caught: failed}

	failed = regexp.MustCompile(`(?m)^ *--- FAIL: Test|^panic: |^fatal error: `)
)

// mutant is an agent that breaks one rule: in file, the one place that says right says wrong. Where a harness has changed and its seed
// says nothing any more, it goes on from there, for minutes: "caught by number N" tells of a better one.
type mutant struct {
	rule, file, right, wrong string
	model, week              uint64   // seeds at which that harness soon catches it; 0 = it is not asked
	by                       *harness // another that must catch it
}

// judge is a harness that begins with a seed.
type judge struct {
	harness
	seed uint64
}

// judges are the harnesses each of which must catch the mutant.
func (m mutant) judges() (list []judge) {
	for _, j := range []judge{{model, m.model}, {weeks, m.week}} {
		if j.seed != 0 {
			list = append(list, j)
		}
	}
	if m.by != nil {
		list = append(list, judge{*m.by, m.by.seed})
	}
	return list
}

// mutants break the invariants of delivery, one each.
var mutants = []mutant{
	{"a row is compared with the ledger, though another quantity waits", "outbox/record.go",
		"	case r.is(flagWanted):\n		return r.wanted, true\n	case r.is(flagAcked) && ",
		"	case r.is(flagWanted) && !r.is(flagAcked):\n		return r.wanted, true\n	case r.is(flagAcked) && ", 1, 1030, nil},
	{"the acknowledgement of an older quantity lets go of the newer one", "outbox/resolve.go",
		"	if !same || !r.is(flagPending|flagDead) {", "	if !r.is(flagPending|flagDead) {", 2, 2059, nil},
	{"the refusal of an older quantity makes a dead letter of the newer one", "outbox/resolve.go",
		"	case !same || !r.queued():", "	case !r.queued():", 3, 0, nil},
	{"a request without an answer counts as one that never left", "outbox/resolve.go",
		"	if res.Doubt && res.Outcome != Acknowledged {", "	if res.Doubt && res.Outcome == Acknowledged {", 4, 4016, nil},
	{"what may still land late is not repaired", "outbox/resolve.go",
		"	if r.is(flagDoubtMany) || r.is(flagDoubt) && r.doubted != l.quantity {", "	if r.is(flagDoubtMany) {", 5, 5059, nil},
	{"of several quantities in doubt only the last is remembered", "outbox/record.go",
		"	case r.is(flagDoubt) && r.doubted != q:", "	case r.is(flagDoubt) && r.doubted != q && q < 0:", 6, 0, nil},
	{"what a crash left on its way is not in doubt", "outbox/queue.go",
		"		r.doubt(r.wanted)\n", "		r.clear(0)\n", 7, 0, nil},
	{"what a crash left on its way is in doubt with the newest quantity", "outbox/queue.go",
		"		r.doubtAny()\n", "		r.doubt(r.wanted)\n", 8, 0, nil},
	{"a lease goes out with the quantity that was wanted when it was given", "outbox/apply.go",
		"l.rev, l.quantity, l.idle, l.withdrawn = rev, quantity, false, false", "_, l.rev, l.idle, l.withdrawn = quantity, rev, false, false", 9, 0, nil},
	{"a request on its way counts as one with the newer quantity", "outbox/apply.go",
		"l != nil && !l.sent {", "l != nil {", 10, 10088, nil},
	{"two requests for one key at a time", "outbox/queue.go",
		"|| t.leased(key[8:]) || again && isPicked(picked, key) {", "|| again && isPicked(picked, key) {", 11, 11002, nil},
	{"an older export overwrites a newer one", "outbox/merge.go",
		"	older := x.rank < v.rank || x.rank == v.rank && r.counted", "	older := x.rank == v.rank && r.counted", 12, 0, nil},
	{"of one look the export that was found first wins", "outbox/merge.go",
		"return cmp.Compare(m.in.exports[a].rank, m.in.exports[b].rank) })\n	for place", "return cmp.Compare(m.in.exports[b].rank, m.in.exports[a].rank) })\n	for place", 13, 0, nil},
	{"what a replaced set knew of keys that no export names any more is forgotten", "outbox/merge.go",
		"		return m.in.deltas.touch(k.set.rank, key)\n", "		return nil\n", 14, 0, nil},
	{"an export that changes nothing leaves no rank", "outbox/merge.go",
		"	case now.rank > covered:", "	case now.rank > covered && !before.known:", 15, 0, nil},
	{"a key that changes goes to the end of the queue", "outbox/apply.go",
		"	if !r.is(flagPending) {\n		r.set(flagPending)\n		r.age = age", "	if r.set(flagPending); true {\n		r.age = age", 16, 0, nil},
	{"a dead letter stays one though another quantity is wanted", "outbox/apply.go",
		"		r.clear(flagDead | flagUnknown | flagAgain | flagConfirm)\n", "		r.clear(flagUnknown | flagAgain | flagConfirm)\n", 17, 0, nil},
	{"what falls goes behind what rises", "outbox/record.go",
		"	case r.is(flagAcked) && r.wanted < r.acked:", "	case r.is(flagAcked) && r.wanted > r.acked:", 18, 0, nil},
	{"the oldest never has its turn", "outbox/queue.go",
		"	case !unproven && t.state.Turn%4 == 3:", "	case !unproven && t.state.Turn%4 == 4:", 19, 0, nil},
	{"requests leave while an export is applied by half", "outbox/queue.go",
		"	return o.hold > 0 || o.unresumed\n}", "	return o.hold > 0\n}", 20, 0, nil},
	{"what waits for its time goes a minute early", "outbox/queue.go",
		"> now.UnixNano() {\n			break", "> now.Add(time.Minute).UnixNano() {\n			break", 21, 0, nil},
	{"any time that has passed ends the doubt", "outbox/queue.go",
		"		if r.is(flagConfirm) && r.attempts == 0 {", "		if r.attempts < 1<<60 {", 22, 0, nil},
	{"a dead letter is never tried again", "outbox/resolve.go",
		"	if after := t.o.opts.DeadRetry; after > 0 {", "	if after := t.o.opts.DeadRetry; after > 1<<62 {", 23, 23077, nil},
	{"a trail is believed of what was changed since", "outbox/along.go",
		"			if r.rev > rev {", "			if r.rev > rev && r.rev == 0 {", 0, 0, &trail},
	{"rows of the trail are not merged with others for their keys", "outbox/along.go",
		"[][]keyMark{f.own, f.others, f.passed}", "[][]keyMark{f.passed}", 0, 0, &trail},
	{"a trail is believed whose export was of another store of the same name", "outbox/along.go",
		" && ref.Digest == x.Digest && ref.Stock == x.Stock", "", 0, 0, &trail},
	{"a resend believes the ledger", "outbox/resend.go",
		"		r.clear(flagAcked | flagAckedAt)\n", "		r.clear(0)\n", 24, 0, nil},
	{"a resend leaves out what was refused", "outbox/resend.go",
		"		if !ok || !r.is(flagWanted|flagAcked) {", "		if !ok || !r.is(flagWanted|flagAcked) || r.is(flagDead) {", 25, 0, nil},
	{"of two rows of a key the first counts", "outbox/duplicates.go",
		"		first.line, first.figure = later.line, later.figure\n", "		first.line = later.line\n", 26, 0, nil},
	{"an export too many must lack a key before it goes to zero", "outbox/missing.go",
		"int(t.misses) >= l.after {", "int(t.misses) > l.after {", 27, 0, nil},
	{"what the canary said nothing of waits all the same", "outbox/canary.go",
		"	r.clear(flagPending | flagConfirm)\n	r.retryAt(0, 0)\n}", "	r.retryAt(0, 0)\n}", 28, 0, nil},
	{"what was refused before as well waits again like the rest", "outbox/canary.go",
		"err != nil || d.Tries > 1 || d.At.Before(since) {", "err != nil || d.At.Before(since) {", 29, 0, nil},
	{"the rate is not kept", "agent/drain.go",
		"		if until := d.a.ticket(now); !until.IsZero() {", "		if until := d.a.ticket(now); until.Year() > 9000 {", 0, 29030, nil},
	{"a pause ends with the process", "agent/agent.go",
		"	a.paused.Store(stats.Paused)", "	a.paused.Store(stats.Paused && stats.Dead < 0)", 0, 31000, nil},
	{"what was handed out when the agent died is in no queue any more", "outbox/queue.go",
		"	return errs(t.put(key, &r), t.enqueue(key, &r))\n}\n\n// NextDue", "	return t.put(key, &r)\n}\n\n// NextDue", 0, 0, &kills},
	{"each request leaves a goroutine behind", "agent/drain.go",
		"	a := line.Post(", "		go func() { select {} }()\n	a := line.Post(", 0, 0, &soak},
	{"a damaged outbox is used as it is", "agent/mend.go",
		"	case len(v.Faults) == 0:", "	case len(v.Faults) >= 0:", 0, 0, &damage},
	{"a write that fails is not noticed", "outbox/delta.go",
		"	_, err := d.file.Write(d.chunk)\n", "	_, _ = d.file.Write(d.chunk)\n	var err error\n", 0, 0, &nth},
	{"a clock that is set forward hastens what may land late", "outbox/queue.go",
		"return ahead < 0 || r.is(flagConfirm) })", "return ahead < 0 })", 0, 0, &clock},
	{"a clock that is set back lets what failed wait for as long", "outbox/resolve.go",
		"now.Add(res.Due.Sub(now))", "res.Due", 0, 0, &clock},
	{"a clock that is set back by less than a minute is not seen", "outbox/queue.go",
		"	if ahead.Abs() < time.Second {", "	if ahead.Abs() < time.Minute {", 0, 0, &clock},
	{"what waits for some seconds waits for a time of day", "agent/drain.go",
		"wait = min(wait, t.Sub(now))", "wait = min(wait, max(time.Second, t.Round(0).Sub(now.Round(0))))", 0, 0, &clockWeeks},
	{"a clock that is set back delays the next round of resend_all", "agent/drain.go",
		"				d.repeatAt = now\n", "", 0, 0, &clockAgent},
	{"an export is as new as the moment in which it is found", "agent/collect.go",
		"	rank := s.a.box.Rank(f.ModTime(), arrived, now)", "	rank := s.a.box.Rank(now, arrived, now)", 0, 30062, nil},
}

// TestEveryMutantIsStillOne: each names one place of the code as it is now. With -mutants every harness must fail with each that is
// its own.
func TestEveryMutantIsStillOne(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		text, err := os.ReadFile(filepath.FromSlash(m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), m.right); n != 1 {
			t.Errorf("%s: %s has %d places that say %q, want one", m.rule, m.file, n, m.right)
		}
	}
	if !*killMutants || t.Failed() {
		return
	}
	for _, m := range mutants {
		for _, j := range m.judges() {
			t.Run(j.name+": "+m.rule, func(t *testing.T) {
				t.Parallel()
				m.mustDie(t, j)
			})
		}
	}
}

// mustDie lets a harness loose on the agent with the mutant in it, and then, for as long, on the right one.
func (m mutant) mustDie(t *testing.T, j judge) {
	path, err := filepath.Abs(filepath.FromSlash(m.file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.go")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(text), m.right, m.wrong, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := j.run(t, j.most, map[string]string{path: wrong})
	if err == nil {
		t.Error("it lives: the harness is content with it")
		return
	}
	said := j.caught.FindSubmatch(out)
	if said == nil {
		t.Fatalf("%v: %s", err, out)
	}
	if j.count == "" {
		return // that it is content with the right one shows wherever it is run
	}
	n, err := strconv.ParseUint(string(said[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if j.bySeed {
		n -= j.seed
	}
	t.Logf("caught by number %d", n+1)
	if out, err := j.run(t, n+1, nil); err != nil {
		t.Errorf("the harness says no to the right agent too: %v\n%s", err, out)
	}
}

// run runs the harness, with other files in the place of some; one that draws tries at most n.
func (j judge) run(t *testing.T, n uint64, replace map[string]string) (out []byte, err error) {
	t.Helper()
	list, flags := maps.Clone(replace), os.Getenv("GOFLAGS")
	if j.clock {
		path, file := testkit.ClockFile(t)
		if list == nil {
			list = map[string]string{}
		}
		list[path] = file
		flags += " -tags=clock"
	}
	if len(list) > 0 {
		data, err := json.Marshal(map[string]any{"Replace": list})
		if err != nil {
			t.Fatal(err)
		}
		overlay := filepath.Join(t.TempDir(), "overlay.json")
		if err := os.WriteFile(overlay, data, 0o600); err != nil {
			t.Fatal(err)
		}
		flags += " '-overlay=" + overlay + "'"
	}
	timeout := 20 * time.Minute
	if n > j.most {
		timeout = 24 * time.Hour
	}
	args := append([]string{"test", "-count=1", "-vet=off", fmt.Sprint("-timeout=", timeout), j.pkg, "-run=^" + j.test + "$"}, j.args...)
	if j.count != "" {
		args = append(args, fmt.Sprint(j.count, n), fmt.Sprint(j.first, j.seed))
	}
	// A mutant may need memory without end: then it dies of that by itself, and not by the system, which may take another process.
	bounded := []string{"-c", `ulimit -v 6000000 && exec "$@"`, "sh", "go"}
	cmd := exec.CommandContext(t.Context(), "sh", append(bounded, args...)...)
	cmd.Env = slices.Concat(os.Environ(), []string{"TMPDIR=" + t.TempDir(), "GOGC=400", "GOFLAGS=" + flags}, j.env) // the flags also for what the tests build
	return cmd.CombinedOutput()
}
