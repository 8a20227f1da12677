package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be a sink, blast or a base, as the program itself is.
func TestMain(m *testing.M) {
	if done, err := playRole(); done {
		exit(err)
	}
	os.Exit(m.Run())
}

func records(t *testing.T, c catalogue) [][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), c.name())
	if err := c.write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if size := len(data) / c.Rows; size < 90 || size > 96 {
		t.Errorf("a row is %d bytes, want about 93", size)
	}
	return list[1:]
}

func TestAnExportIsWhatTheCatalogueSays(t *testing.T) {
	t.Parallel()
	c := catalogue{Rows: 1003, Stores: 3, Salt: "a"}
	list := records(t, c)
	if len(list) != c.Rows {
		t.Fatalf("got %d rows, want %d", len(list), c.Rows)
	}
	for i, r := range list {
		product, store := i/3, 3+i%3
		if r[0] != fmt.Sprintf("A%07d", product) || !strings.HasPrefix(r[1], fmt.Sprintf("%011d", 84_000_000_000+7*product)) || !validUPC(r[1]) ||
			r[5] != fmt.Sprint(store) || r[6] != "Footwear Mens a" || r[7] != fmt.Sprint(1+i%9) {
			t.Fatalf("row %d is %q", i, r)
		}
	}
}

func validUPC(code string) bool {
	sum := 0
	for i, c := range code {
		sum += int(c-'0') * (3 - 2*(i%2))
	}
	return len(code) == 12 && sum%10 == 0
}

func TestASaltAnOrderAndAVersionChangeJustThat(t *testing.T) {
	t.Parallel()
	c := plain(1000, "a")
	was := records(t, c)
	salted, shuffled, edited := c, c, c.edited(50, 2)
	salted.Salt, shuffled.Shuffled = "b", true
	edited.Salt = "a"
	for i, r := range records(t, salted) {
		if r[6] != "Footwear Mens b" || r[7] != was[i][7] || r[1] != was[i][1] {
			t.Fatalf("with another salt row %d is %q", i, r)
		}
	}
	again := records(t, shuffled)
	if slices.EqualFunc(was, again, slices.Equal[[]string]) {
		t.Error("a shuffled export is in order")
	}
	slices.SortFunc(again, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	if !slices.EqualFunc(was, again, slices.Equal[[]string]) {
		t.Error("a shuffled export has other rows")
	}
	changed := 0
	for i, r := range records(t, edited) {
		if r[7] != was[i][7] {
			changed++
		}
	}
	if changed != edited.changesIn() || changed < 20 || changed > 100 {
		t.Errorf("%d rows have changed, the catalogue says %d, want about 50", changed, edited.changesIn())
	}
}

func TestTheSinkKnowsEachRowByItsBody(t *testing.T) {
	t.Parallel()
	c := catalogue{Rows: 100, Stores: 4, Salt: "a"}
	for i := range c.Rows {
		body := c.appendBody(nil, i)
		if row, quantity, ok := c.parseBody(body); !ok || row != i || quantity != c.quantity(i) {
			t.Fatalf("%s: got row %d, quantity %d, %v", body, row, quantity, ok)
		}
	}
	for _, body := range []string{"", "{}", `{"upc":"84000000000","store":"3","quantity":1}`, `{"upc":"840000000007","store":"9","quantity":1}`} {
		if row, _, ok := c.parseBody([]byte(body)); ok {
			t.Errorf("%s is row %d", body, row)
		}
	}
}

func TestATallyTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := plain(10, "a")
	tally := newTally(sinkSpec{Catalogue: c})
	for i := range c.Rows {
		tally.count(apiPath, c.appendBody(nil, i))
	}
	tally.count("/elsewhere", c.appendBody(nil, 3))
	if n := tally.wrong(c); n != 0 || tally.keys.Load() != 10 || tally.requests.Load() != 11 || tally.strange.Load() != 1 {
		t.Errorf("got %d wrong, %d keys, %d requests, %d strange", n, tally.keys.Load(), tally.requests.Load(), tally.strange.Load())
	}
	if n := tally.wrong(c.edited(1000, 1)); n != 10 {
		t.Errorf("of an edited catalogue %d are wrong, want all 10", n)
	}
}

func TestSpreadsAndRatios(t *testing.T) {
	t.Parallel()
	if got, want := spreadOf([]float64{4, 1, 3, 2}), (spread{1, 2.5, 4}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := quantile([]float64{3, 1, 2}, 0.5); got != 2 {
		t.Errorf("got a median of %v, want 2", got)
	}
	r := &results{byName: map[string]*sample{}}
	for i := range 3 {
		r.add("ours", "s", float64(2*i+2))
		r.add("base", "s", float64(i+1))
	}
	if got := r.ratios("ours", "base"); !slices.Equal(got, []float64{2, 2, 2}) {
		t.Errorf("got ratios %v, want 2", got)
	}
	if s := r.benchmarks(); !strings.Contains(s, "\nBenchmark/ours 1 6e+09 ns/op\n") {
		t.Errorf("benchstat gets %s", s)
	}
}

func TestAGoalIsMetOrMissedBySoMuch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		goal  goal
		value float64
		want  string
	}{
		{goal{atMost: 2, stretch: 1.5}, 1.4, "met, and the stretch"},
		{goal{atMost: 2, stretch: 1.5}, 1.9, "met"},
		{goal{atMost: 2}, 3, "missed by 50 %"},
		{goal{atLeast: 0.8, stretch: 0.9}, 0.95, "met, and the stretch"},
		{goal{atLeast: 0.8, stretch: 0.9}, 0.85, "met"},
		{goal{atLeast: 0.8}, 0.6, "missed by 25 %"},
		{goal{}, 1, ""},
	} {
		if got := test.goal.verdict(spread{median: test.value}, nil); got != test.want {
			t.Errorf("%+v at %v: got %q, want %q", test.goal, test.value, got, test.want)
		}
	}
}

func TestFiguresAreReadable(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 3: "3", 0.0123: "0.012", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 12345.6: "12,346", 1e6: "1,000,000"} {
		if got := figure(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}

func TestOnlyTheTimeBetweenTwoMomentsCountsAsAFlush(t *testing.T) {
	t.Parallel()
	var calls []call
	for _, line := range []string{
		"12 100.010000 fdatasync(7) = 0 <0.020000>",                  // half of it before
		"13 100.025000 fdatasync(8 <unfinished ...>",                 // its end says it
		"12 100.027000 fsync(9) = 0 <0.001000>",                      // inside the next
		"13 100.035000 <... fdatasync resumed>) = 0 <0.010000>",      // overlaps with the first
		"12 100.900000 fsync(9) = 0 <0.010000>", "12 +++ exited +++", // after it
	} {
		if c, ok := parseCall(line); ok {
			calls = append(calls, c)
		}
	}
	sum, n := waited(calls, time.UnixMilli(100_020), time.UnixMilli(100_500))
	if math.Abs(milli(sum)-15) > 0.1 || n != 2 {
		t.Errorf("got %v in %d flushes, want 15 ms in 2", sum, n)
	}
}
