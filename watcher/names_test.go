package watcher

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNamesSayWhatMayBeAnExport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		globs string
		ready string
		name  string
		want  class
	}{
		{"", "", "stock.csv", export},
		{"*.csv", "", "STOCK.CSV", export},
		{"STOCK*.CSV", "", "stock-1.csv", export},
		{"*.csv,*.txt", "", "a.txt", export},
		{"*.csv", "", "a.txt", other},
		{"", "", "a.csv.tmp", other},
		{"", "", "a.csv.TMP", other},
		{"", "", "a.Part", other},
		{"", "", "~$stock.xlsx", other},
		{"", "", ".hidden.csv", other},
		{"*.tmp", "", "a.tmp", other},
		{"", "", "a\nb.csv", odd},
		{"", "", "a\x1b[31m.csv", odd},
		{"", "", "a\xff.csv", odd},
		{"*.csv", "", "a\x07.log", other},
		{"", "", "größe 漢字.csv", export},
		{"", "{name}.done", "a.csv.done", trigger},
		{"", "{name}.done", "A.CSV.Done", trigger},
		{"", "{name}.done", ".done", other},
		{"", ".{stem}.ok", ".a.ok", trigger},
		{"", "{stem}.tmp", "a.tmp", trigger},
		{"", "ready_{stem}", "ready_a", trigger},
		{"stock.csv", "", "stock~tillpost-0123456789abcdef.csv", export},
		{"stock.csv", "", "stock~tillpost-0123.csv", other},
		{"", "", ".tillpost-0123456789abcdef-a.csv", other},
	} {
		var globs []string
		if c.globs != "" {
			globs = strings.Split(c.globs, ",")
		}
		n, err := newNames(globs, c.ready)
		if err != nil {
			t.Errorf("%q, %q: %v", c.globs, c.ready, err)
			continue
		}
		if got := n.classify(c.name); got != c.want {
			t.Errorf("%q with %q, %q: got %d, want %d", c.name, c.globs, c.ready, got, c.want)
		}
	}
}

func TestTriggersAreNamedAfterTheirExports(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ready, name, want string }{
		{"{name}.done", "A.csv", "a.csv.done"},
		{"{stem}.done", "x/Y.z/A.csv", "x/y.z/a.done"},
		{"ok-{stem}", "a", "ok-a"},
		{"{stem}.done", "stock~tillpost-0123456789abcdef.csv", "stock.done"},
	} {
		n, err := newNames(nil, c.ready)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.triggerOf(c.name); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.ready, c.name, got, c.want)
		}
	}
}

func TestNamesThatAreGivenFitAndLeadBack(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"a.csv", "a", ".x", "no.ext.", strings.Repeat("x", 250) + ".csv", strings.Repeat("漢", 80) + ".csv",
		"a\nb.csv", "." + strings.Repeat("y", 254),
	} {
		set := asideFor(base)
		back, ok := fromAside(set)
		if len(set) > maxName || !ok || !strings.HasSuffix(base, back) || utf8.ValidString(base) != utf8.ValidString(set) {
			t.Errorf("%q set aside as %q gets back %q, %v", base, set, back, ok)
		}
		if len(base) < 200 && back != base {
			t.Errorf("%q gets back %q", base, back)
		}
		beside := displacedFor(base)
		again := displacedFor(beside)
		plain, was := undisplaced(again)
		if len(beside) > maxName || len(again) > len(beside) || !was || !strings.HasSuffix(base, plain) {
			t.Errorf("%q displaced as %q, then %q, which stands for %q", base, beside, again, plain)
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Parallel()
	ok := Options{Folder: "x", Rescan: 1}
	if _, err := New(ok); err != nil {
		t.Errorf("good options: %v", err)
	}
	for name, spoil := range map[string]func(*Options){
		"no folder":                    func(o *Options) { o.Folder = "" },
		"no rescan":                    func(o *Options) { o.Rescan = 0 },
		"a negative settle":            func(o *Options) { o.Settle = -1 },
		"a negative settle_last":       func(o *Options) { o.SettleLast = -1 },
		"a broken pattern":             func(o *Options) { o.Files = []string{"[a"} },
		"a pattern with a slash":       func(o *Options) { o.Files = []string{"a/*.csv"} },
		"a trigger without the name":   func(o *Options) { o.Ready = "ready.flag" },
		"a trigger with two names":     func(o *Options) { o.Ready = "{name}{stem}" },
		"a trigger that is the export": func(o *Options) { o.Ready = "{name}" },
		"a trigger elsewhere":          func(o *Options) { o.Ready = "../{name}.done" },
	} {
		o := ok
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
