package watcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// start is no special time: the decision goes by differences alone.
func start() time.Time { return time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC) }

func listed(files []File) string {
	var s []string
	for _, f := range files {
		name := f.Name
		if f.Final {
			name += "!"
		}
		if f.Recheck {
			name += "?"
		}
		s = append(s, name)
	}
	return strings.Join(s, " ")
}

func newTestTable(t interface{ Fatal(...any) }, ready string) *table {
	n, err := newNames(nil, ready)
	if err != nil {
		t.Fatal(err)
	}
	return newTable(n, 2*time.Second, 10*time.Second)
}

// at makes entries of strings like `a.csv 12`: a name and its modification time, which is its version too.
func at(list ...string) []entry {
	var entries []entry
	for _, s := range list {
		var e entry
		var version int64
		if _, err := fmt.Sscanf(s, "%s %d", &e.name, &version); err != nil {
			panic(err)
		}
		e.stat = Stat{Size: 10, Modified: version, Index: 1}
		e.trigger = strings.HasSuffix(strings.ToLower(e.name), ".done")
		entries = append(entries, e)
	}
	return entries
}

func TestAFileIsToldWhenItHasComeToRest(t *testing.T) {
	t.Parallel()
	type look struct {
		after   time.Duration // the start
		listing []entry
		again   string // asked for before the look
		retry   string
		want    string // "!" is final, "?" is a recheck
	}
	for _, c := range []struct {
		name  string
		ready string
		looks []look
	}{
		{"it is seen twice unchanged, and once more only as final", "", []look{
			{0, at("a 1"), "", "", ""},
			{1 * time.Second, at("a 1"), "", "", ""},
			{2 * time.Second, at("a 1"), "", "", "a"},
			{3 * time.Second, at("a 1"), "", "", ""},
			{4 * time.Second, at("a 1"), "a", "", ""},
			{10 * time.Second, at("a 1"), "", "", "a!"},
			{60 * time.Second, at("a 1"), "", "", ""},
		}},
		{"at first sight it has not rested, however old it is", "", []look{
			{0, at("a 1"), "", "", ""},
			{time.Hour, at("a 1"), "", "", "a!"},
		}},
		{"each change begins the rest anew, and a change after the last look is not slept over", "", []look{
			{0, at("a 1"), "", "", ""},
			{1 * time.Second, at("a 2"), "", "", ""},
			{2 * time.Second, at("a 2"), "", "", ""},
			{20 * time.Second, at("a 3"), "", "", ""},
			{22 * time.Second, at("a 3"), "", "", "a"},
		}},
		{"one that never rests holds up no other", "", []look{
			{0, at("a 1", "b 1"), "", "", ""},
			{2 * time.Second, at("a 2", "b 1"), "", "", "b"},
			{4 * time.Second, at("a 3", "b 1", "c 1"), "", "", ""},
			{6 * time.Second, at("a 4", "b 1", "c 1"), "", "", "c"},
		}},
		{"one that is gone is forgotten, and told when it is back", "", []look{
			{0, at("a 1"), "", "", ""},
			{2 * time.Second, at("a 1"), "", "", "a"},
			{4 * time.Second, nil, "", "", ""},
			{6 * time.Second, at("a 1"), "", "", ""},
			{8 * time.Second, at("a 1"), "", "", "a"},
		}},
		{"a version dated in the future rests like any other, and so does a normal one after it", "", []look{
			{0, at("a 9000000000000000000"), "", "", ""},
			{2 * time.Second, at("a 9000000000000000000"), "", "", "a"},
			{4 * time.Second, at("a 5"), "", "", ""},
			{6 * time.Second, at("a 5"), "", "", "a"},
		}},
		{"first seen is first told; within a look by time, then by name", "", []look{
			{0, at("z 7"), "", "", ""},
			{1 * time.Second, at("b 5", "z 7", "a 5", "c 4"), "", "", ""},
			{5 * time.Second, at("a 5", "b 5", "c 4", "z 7"), "", "", "z c a b"},
		}},
		{"retries come after a pause that doubles", "", []look{
			{0, at("a 1"), "", "", ""},
			{2 * time.Second, at("a 1"), "", "", "a"},
			{2500 * time.Millisecond, at("a 1"), "", "a", ""},
			{3500 * time.Millisecond, at("a 1"), "", "", "a"},
			{4 * time.Second, at("a 1"), "", "a", ""},
			{5 * time.Second, at("a 1"), "", "", ""},
			{6 * time.Second, at("a 1"), "", "", "a"},
		}},
		{"once a day it is told again", "", []look{
			{0, at("a 1"), "", "", ""},
			{2 * time.Second, at("a 1"), "", "", "a"},
			{24 * time.Hour, at("a 1"), "", "", ""},
			{24*time.Hour + 2*time.Second, at("a 1"), "", "", "a!?"},
			{25 * time.Hour, at("a 1"), "", "", ""},
		}},
		{"a trigger is waited for, and then nothing else", "{name}.done", []look{
			{0, at("a.csv 3"), "", "", ""},
			{time.Hour, at("a.csv 3"), "", "", ""},
			{2 * time.Hour, at("a.csv 3", "a.csv.done 3"), "", "", "a.csv!"},
			{3 * time.Hour, at("a.csv 3", "a.csv.done 4"), "", "", ""},
		}},
		{"a trigger that is older than its export is not its own", "{stem}.done", []look{
			{0, at("a.csv 3", "A.DONE 2"), "", "", ""},
			{1 * time.Second, at("a.csv 3", "A.DONE 4", "b.csv 1"), "", "", "a.csv!"},
			{2 * time.Second, at("a.csv 5", "A.DONE 4"), "", "", ""},
			{9 * time.Second, at("a.csv 5", "A.DONE 6"), "", "", "a.csv!"},
		}},
		{"triggers belong to exports of their own folder", "{name}.done", []look{
			{0, at("x/a.csv 3", "y/a.csv 3", "y/a.csv.done 3"), "", "", "y/a.csv!"},
		}},
		{"with a trigger a retry waits as well", "{name}.done", []look{
			{0, at("a.csv 3", "a.csv.done 3"), "", "", "a.csv!"},
			{100 * time.Millisecond, at("a.csv 3", "a.csv.done 3"), "", "a.csv", ""},
			{2 * time.Second, at("a.csv 3", "a.csv.done 3"), "", "", "a.csv!"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			table := newTestTable(t, c.ready)
			told := map[string]File{}
			for _, l := range c.looks {
				now := start().Add(l.after)
				if l.again != "" {
					table.apply([]ask{{askAgain, l.again, told[l.again].Stat}}, now)
				}
				if l.retry != "" {
					table.apply([]ask{{askRetry, l.retry, told[l.retry].Stat}}, now)
				}
				v := table.observe(now, slices.Values(l.listing))
				table.forget()
				for _, f := range v.files {
					told[f.Name] = f
				}
				if got := listed(v.files); got != l.want {
					t.Fatalf("after %v: got %q, want %q", l.after, got, l.want)
				}
			}
		})
	}
}

func TestAVersionIsNewInWhateverItsIdentityDiffers(t *testing.T) {
	t.Parallel()
	first := Stat{Size: 1, Modified: 2, Changed: 3, Volume: 4, Index: 5}
	for name, second := range map[string]Stat{
		"its size":                              {9, 2, 3, 4, 5},
		"its modification time":                 {1, 9, 3, 4, 5},
		"only when its metadata changed":        {1, 2, 9, 4, 5},
		"its volume":                            {1, 2, 3, 9, 5},
		"its inode, behind the same name":       {1, 2, 3, 4, 9},
		"its modification time, which is older": {1, 1, 3, 4, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := newTestTable(t, "")
			look := func(after time.Duration, s Stat) string {
				return listed(table.observe(start().Add(after), slices.Values([]entry{{name: "a", stat: s}})).files)
			}
			look(0, first)
			if got := look(2*time.Second, first); got != "a" {
				t.Fatalf("the first version: got %q, want it told", got)
			}
			look(3*time.Second, second)
			if got := look(5*time.Second, second); got != "a" {
				t.Errorf("the second version: got %q, want it told", got)
			}
		})
	}
}

func TestWhatIsStillToComeIsCounted(t *testing.T) {
	t.Parallel()
	table := newTestTable(t, "{name}.done")
	v := table.observe(start(), slices.Values(at("a 1", "b 1", "b.done 1")))
	if v.pending != 0 || v.waiting != 1 || listed(v.files) != "b!" {
		t.Errorf("got %d pending, %d waiting, %q; want 0, 1, b!", v.pending, v.waiting, listed(v.files))
	}
	table = newTestTable(t, "")
	table.observe(start(), slices.Values(at("a 1", "b 1", "c 1")))
	now := start().Add(2 * time.Second)
	v = table.observe(now, slices.Values(at("a 2", "b 1", "c 1")))
	if v.pending != 1 || listed(v.files) != "b c" {
		t.Errorf("got %d pending, %q; want 1, b c", v.pending, listed(v.files))
	}
	table.apply([]ask{{askAgain, "b", v.files[0].Stat}, {askRetry, "c", v.files[1].Stat}}, now)
	if got := table.untilNext(now); got != time.Second {
		t.Errorf("next due: got %v, want 1s, the retry", got)
	}
	if v = table.observe(now, slices.Values(at("a 2", "b 1", "c 1"))); v.pending != 3 {
		t.Errorf("after an Again and a Retry: got %d pending, want 3", v.pending)
	}
}

func TestAsksAboutAnotherVersionComeToNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []askKind{askAgain, askRetry} {
		table := newTestTable(t, "")
		table.observe(start(), slices.Values(at("a 1")))
		table.observe(start().Add(20*time.Second), slices.Values(at("a 1")))
		table.apply([]ask{{kind, "a", Stat{Size: 99}}, {kind, "b", Stat{}}}, start().Add(20*time.Second))
		if v := table.observe(start().Add(time.Minute), slices.Values(at("a 1"))); listed(v.files) != "" || v.pending != 0 {
			t.Errorf("got %q and %d pending, want nothing", listed(v.files), v.pending)
		}
	}
}

func TestRechecksOfAHugeFolderAreSpread(t *testing.T) { // X8
	t.Parallel()
	table := newTestTable(t, "")
	var listing []entry
	for n := range 3*maxRechecks + 1 {
		listing = append(listing, entry{name: fmt.Sprint(n), stat: Stat{Size: 1}})
	}
	table.observe(start(), slices.Values(listing))
	table.observe(start().Add(time.Minute), slices.Values(listing))
	seen := map[string]bool{}
	for n, want := range []int{maxRechecks, maxRechecks, maxRechecks, 1, 0} {
		now := start().Add(25*time.Hour + time.Duration(n)*time.Minute)
		v := table.observe(now, slices.Values(listing))
		for _, f := range v.files {
			seen[f.Name] = true
		}
		if len(v.files) != want {
			t.Errorf("look %d: got %d rechecks, want %d", n, len(v.files), want)
		}
		if got := table.untilNext(now); got < time.Hour {
			t.Errorf("look %d: the next is due in %v; want the spread to cost no extra looks", n, got)
		}
	}
	if len(seen) != len(listing) {
		t.Errorf("got %d files rechecked, want %d", len(seen), len(listing))
	}
}

func TestWhatIsSkippedIsToldOnceAndInBounds(t *testing.T) { // X8
	t.Parallel()
	table := newTestTable(t, "")
	look := func(what ...string) int {
		table.observe(start(), func(func(entry) bool) {
			for _, s := range what {
				table.skip(s, "it is a pipe")
			}
		})
		table.forget()
		return len(table.newlySkipped())
	}
	var many []string
	for n := range 5 * maxSkips {
		many = append(many, fmt.Sprint(n))
	}
	for n, c := range []struct {
		what []string
		want int
	}{{[]string{"a", "b"}, 2}, {[]string{"a", "b"}, 0}, {[]string{"a"}, 0}, {[]string{"a", "b"}, 1}, {nil, 0}, {many, maxSkips + 1}, {many, 0}} {
		if got := look(c.what...); got != c.want {
			t.Errorf("look %d: got %d told, want %d", n, got, c.want)
		}
	}
}

// Whatever happens to the files and whenever one looks: nothing is told that was not seen unchanged for as long as it
// takes, and all that lies still long enough is told just once.
func TestNothingIsToldTooEarlyOrTwiceOrNever(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := newTestTable(t, "")
		now := start()
		version := map[string]int64{}
		since := map[string]time.Time{} // when the version was first looked at
		told := map[string]int64{}
		clock := int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond)
			name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
			switch rapid.IntRange(0, 3).Draw(t, "what happens") {
			case 0, 1:
				clock++
				version[name] = clock
				delete(since, name)
			case 2:
				delete(version, name)
				delete(since, name)
			}
			var listing []entry
			for n, v := range version {
				listing = append(listing, entry{name: n, stat: Stat{Modified: v}})
				if _, ok := since[n]; !ok {
					since[n] = now
				}
			}
			v := table.observe(now, slices.Values(listing))
			table.forget()
			for _, f := range v.files {
				if rest := now.Sub(since[f.Name]); rest < table.settle || f.Final != (rest >= table.settleLast) {
					t.Fatalf("%s told after %v, final %v", f.Name, rest, f.Final)
				}
				if told[f.Name] == f.Modified {
					t.Fatalf("%s told twice", f.Name)
				}
				told[f.Name] = f.Modified
			}
			for n, v := range version {
				if now.Sub(since[n]) >= table.settle && told[n] != v {
					t.Fatalf("%s has rested for %v and is not told", n, now.Sub(since[n]))
				}
			}
		}
	})
}

func TestARetryCountsForAFileThatWasRenamedAndGotItsNameBack(t *testing.T) {
	t.Parallel()
	table := newTestTable(t, "")
	table.observe(start(), slices.Values(at("a 1")))
	now := start().Add(20 * time.Second)
	told := table.observe(now, slices.Values(at("a 1"))).files[0]
	renamed := told.Stat
	renamed.Changed++
	table.apply([]ask{{askGiven, "a", renamed}, {askRetry, "a", told.Stat}}, now)
	listing := []entry{{name: "a", stat: renamed}}
	if v := table.observe(now.Add(time.Minute), slices.Values(listing)); len(v.files) != 1 {
		t.Errorf("got %d files, want the one to be tried again", len(v.files))
	}
}

func TestWhatIsGoneBeforeItIsToldIsNamed(t *testing.T) { // W23
	t.Parallel()
	for name, c := range map[string]struct {
		before, after []entry
		want          string
	}{
		"it is gone":                      {at("a 1", "b 2"), at("b 2"), "a"},
		"it has another name":             {at("a 1"), at("c 1"), ""},
		"no file has an identity":         {[]entry{{name: "a", stat: Stat{Size: 3}}, {name: "b", stat: Stat{Size: 4}}}, []entry{{name: "b", stat: Stat{Size: 4}}}, "a"},
		"another version is in its place": {at("a 1"), at("a 2"), ""},
	} {
		table := newTestTable(t, "")
		table.observe(start(), slices.Values(c.before))
		table.forget()
		table.observe(start().Add(time.Second), slices.Values(c.after))
		table.forget()
		if got := strings.Join(table.newlyGone(), " "); got != c.want || len(table.newlyGone()) > 0 {
			t.Errorf("%s: got %q, want %q, once", name, got, c.want)
		}
	}
	table := newTestTable(t, "")
	table.observe(start(), slices.Values(at("a 1")))
	table.observe(start().Add(time.Minute), slices.Values(at("a 1"))) // it is told
	table.observe(start().Add(2*time.Minute), slices.Values(at()))
	if table.forget(); len(table.newlyGone()) > 0 {
		t.Error("one that was told is called gone")
	}
}
