package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tillpost/config"
)

// hurried is a person who takes what stands out, and where something is to be typed, the first thing that is taken.
type hurried struct {
	t     *testing.T
	asked []string
	codes int
}

var quantityLike = regexp.MustCompile(`(?i)qty|quantity|stock|avail|balance|inventory|menge|cantidad|aantal`)

func (h *hurried) choose(_ context.Context, q question, options []option, first string) (string, error) {
	h.asked = append(h.asked, q.title)
	if q.title == "Which column is the quantity?" {
		for _, o := range options {
			if quantityLike.MatchString(o.text) {
				return o.value, nil
			}
		}
	}
	if q.title == "Which column is the store?" {
		return options[len(options)-2].value, nil // it is one store
	}
	for i, o := range options {
		for _, other := range options[:i] {
			if o.value == other.value {
				h.t.Errorf("%s: got two options that mean %q", q.title, o.value)
			}
		}
		if o.value == first {
			return first, nil
		}
	}
	h.t.Errorf("%s: no option stands out", q.title)
	return "", errLeft
}

func (h *hurried) text(_ context.Context, q question, given string, right func(string) error) (string, error) {
	h.asked = append(h.asked, q.title)
	if strings.HasPrefix(q.title, "What is the API's code") {
		h.codes++
		return fmt.Sprint(h.codes), nil
	}
	for _, text := range []string{given, "3", "1-4"} {
		if text != "" && right(text) == nil {
			return text, nil
		}
	}
	return "", fmt.Errorf("%s: nothing is taken", q.title)
}

func (h *hurried) secret(ctx context.Context, q question, right func(string) error) (string, error) {
	return h.text(ctx, q, "", right)
}

// asking is a setup whose questions a answers, and which installs nothing.
func asking(con *console, a asker) *setup {
	install := func(context.Context, *console, string) error { return nil }
	return &setup{con: con, cmd: con.initCommand(install), ask: a, install: install, look: &checkup{con: con}}
}

func TestNoExportKeepsAPersonForEver(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/exports/*")
	if err != nil || len(files) < 40 {
		t.Fatalf("got %d exports, %v; want the lot", len(files), err)
	}
	good := 0
	for _, file := range files {
		dir := t.TempDir()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "pos"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "pos", filepath.Base(file)), text, 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr strings.Builder
		con := newConsole(&stdout, &stderr)
		h := &hurried{t: t}
		s := asking(con, h)
		s.o = &initFlags{stores: new([]wordPair), columns: new([]wordPair)}
		s.o.config, s.o.url, s.o.folders, s.o.offline = filepath.Join(dir, "tillpost.yaml"), "https://api.example.com", []string{filepath.Join(dir, "pos")}, true
		status := con.exit(s.run(t.Context()))
		if status != statusDone && status != statusPartial || len(h.asked) > 10*mostQuestions {
			t.Errorf("%s: got %d after %q:\n%s%s", filepath.Base(file), status, h.asked, &stdout, &stderr)
		}
		if _, err := config.Load(s.draft.path); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		if status == statusDone {
			good++
		} else {
			t.Logf("%s is not read after %d questions", filepath.Base(file), len(h.asked))
		}
	}
	if good*4 < len(files)*3 {
		t.Errorf("got %d of %d exports that are read after the first answers that come to mind, want three quarters", good, len(files))
	}
}

// knowing is a person who knows the answers: to the question that begins so, the option that begins so, or that text. What is
// asked besides is answered as one does who is in a hurry.
type knowing struct {
	hurried
	answers [][2]string // in the order of asking
	columns []string    // that were answered; they are not asked for again
}

func (k *knowing) next(q question) (answer string, ok bool) {
	if len(k.answers) == 0 || !strings.HasPrefix(q.title, k.answers[0][0]) {
		return "", false
	}
	answer, k.answers = k.answers[0][1], k.answers[1:]
	return answer, true
}

func (k *knowing) choose(ctx context.Context, q question, options []option, first string) (string, error) {
	answer, ok := k.next(q)
	if !ok {
		return k.hurried.choose(ctx, q, options, first)
	}
	k.asked = append(k.asked, q.title)
	if q.title == "Which column is which?" {
		k.columns = nil
	}
	for _, o := range options {
		if strings.HasPrefix(q.title, "Which column is the") && slices.Contains(k.columns, o.value) {
			k.t.Errorf("%s: %q is taken already", q.title, o.text)
		}
	}
	for _, o := range options {
		if strings.HasPrefix(o.text, answer) {
			k.columns = append(k.columns, o.value)
			return o.value, nil
		}
	}
	k.t.Errorf("%s: got %v, want an option %q", q.title, options, answer)
	return "", errLeft
}

func (k *knowing) text(ctx context.Context, q question, given string, right func(string) error) (string, error) {
	answer, ok := k.next(q)
	if !ok {
		return k.hurried.text(ctx, q, given, right)
	}
	k.asked = append(k.asked, q.title)
	return answer, right(answer)
}

func TestOnlyWhatIsOpenIsAsked(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	many.WriteString("Store,UPC,Qty\n")
	for i := range fewRows {
		fmt.Fprintf(&many, "3,%s,5\n", upc(i))
	}
	const apart = "Store,UPC,Colour,Qty\n3,849632048260,red,4\n3,849632048260,blue,5\n3,849632040011,red,0\n3,849632040011,blue,2\n"
	closing := []string{"That is all. Write the config?", "Install tillpost as a service, which runs whenever this computer does?"}
	for name, test := range map[string]struct {
		export  string
		answers [][2]string
		asked   int    // questions, the first of the closing ones included
		want    string // in the config
	}{
		"nothing":                    {"Store,UPC,Qty\n3,849632048260,0\n", nil, 1, ""},
		"what is missing means 0":    {many.String(), [][2]string{{"No product in this export has 0.", "It is sold out"}}, 2, "missing: zero"},
		"what is missing means none": {many.String(), [][2]string{{"No product in this export has 0.", "I do not know"}}, 2, "missing: keep"},
		"rows are added up":          {apart, [][2]string{{"There are several rows", "their sum"}}, 2, "duplicates: sum"},
		"the last row counts":        {apart, [][2]string{{"There are several rows", "the last"}}, 2, "duplicates: last"},
		"a width for all":            {"Store,Style,Size,Qty\n3,ZOOT,9,0\n3,ZOOT,10,4\n", [][2]string{{"2 rows name a product by a SKU without a width.", "D"}}, 2, `defaults: {width: "D"}`},
		"no width for any":           {"Store,UPC,Style,Size,Qty\n3,849632048260,ZOOT,9,0\n3,,ZOOT,10,4\n", [][2]string{{"1 row names a product by a SKU without a width.", ""}}, 2, ""},
		"the stores are codes":       {"Store,UPC,Qty\nMAIN,849632048260,0\n", [][2]string{{"Does the API know the stores", "yes"}}, 2, ""},
		"one store, and no column":   {"UPC,Qty\n849632048260,0\n", [][2]string{{"What says which store", "all of it"}, {"What is the API's code of this store?", "7"}}, 3, `defaults: {store: "7"}`},
		"a column that may be it":    {"UPC,Location,Qty\n849632048260,3,0\n", [][2]string{{"What says which store", `"Location" is the store`}}, 2, `columns: {store: "Location"}`},
		"a shelf":                    {"UPC,Location,Qty\n849632048260,3,0\n", [][2]string{{"What says which store", "all of it"}, {"What is the API's code", "8"}}, 3, `defaults: {store: "8"}`},
		"two columns of one name":    {"UPC,Store,Stock,Stock\n849632048260,3,4,0\n", [][2]string{{"Which column is which?", "I say"}, {"Which column is the quantity?", "4"}}, 3, "columns: {quantity: 4}"},
		"what is taken is not asked": {"849632048260,3,0\n849632040011,3,4\n", [][2]string{{"Which column is which?", ""}, {"Which column is the quantity?", "3"}, {"Which column is the store?", "2"}}, 4, `quantity: 3, store: 2`},
		"no header, and one store":   {"849632048260,0\n849632040011,4\n", [][2]string{{"Which column is which?", ""}, {"Which column is the quantity?", "2"}, {"Which column is the store?", "none of these: all"}, {"What is the API's code", "9"}}, 5, `defaults: {store: "9"}`},
		"one store is left out":      {"UPC,Main Street Qty,Airport Qty\n849632048260,4,0\n036000291452,1,7\n", [][2]string{{"Which stores are these?", "these are"}, {"What is the API's code of the store \"Main", ""}, {"What is the API's code of the store \"Air", "4"}}, 4, `stores: {"Airport": "4"}`},
		"it is not known":            {"Store,UPC,Pcs Avail\n3,849632048260,0\n", [][2]string{{"Which column is which?", "I say"}, {"Which column is the quantity?", "none of these"}}, 3, ""},
		"not the column that may be": {"Store,UPC,Available,Real\n3,849632048260,5,0\n", [][2]string{{"Which column is which?", "I say"}, {"Which column is the quantity?", "4"}}, 3, `columns: {quantity: "Real"}`},
		"the second answer is right": {"Store,UPC,Price,Pcs\n3,849632048260,a,0\n", [][2]string{{"Which column is which?", "I say"}, {"Which column is the quantity?", "3"}, {"Nothing of this export", "answer the questions"}, {"Which column is which?", "I say"}, {"Which column is the quantity?", "4"}}, 6, `columns: {quantity: "Pcs"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newInitPlace(t)
			p.write("pos/stock.csv", test.export)
			var stdout, stderr strings.Builder
			con := newConsole(&stdout, &stderr)
			k := &knowing{hurried: hurried{t: t}, answers: test.answers}
			s := asking(con, k)
			s.o = &initFlags{config: p.config, url: p.url, tokenFile: filepath.Join(p.dir, "given"), folders: []string{filepath.Join(p.dir, "pos")}, stores: new([]wordPair), columns: new([]wordPair)}
			status := con.exit(s.run(t.Context()))
			wantStatus := statusDone
			if name == "it is not known" {
				wantStatus = statusPartial
			}
			if status != wantStatus || len(k.answers) > 0 || len(k.asked) < test.asked || !slices.Equal(k.asked[test.asked-1:], closing) {
				t.Errorf("got %d after %q, want %d after %d questions; not asked: %q\n%s%s", status, k.asked, wantStatus, test.asked+1, k.answers, &stdout, &stderr)
			}
			text := read(t, p.config)
			if _, after, _ := strings.Cut(text, "sources:\n"); !strings.Contains(after, test.want) || test.want == "" && strings.Count(after, "\n    ") != 5 {
				t.Errorf("got\n%s\nwant in it %q", text, test.want)
			}
		})
	}
}

func TestALineIsAskedForUntilItIsRight(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	a := &lineAsker{in: bufio.NewReader(strings.NewReader("x\n9\n 2 \n\nwrong\n right \n\nsecret\n")), out: &out}
	two := []option{{"one\x1b[2J", "1"}, {"two", "2"}}
	if got, err := a.choose(t.Context(), question{"Which?\x1b", "a\nb\x07"}, two, "1"); got != "2" || err != nil {
		t.Errorf("got %q, %v; want the second", got, err)
	}
	if got, err := a.choose(t.Context(), question{title: "Which?"}, two, "2"); got != "2" || err != nil {
		t.Errorf("got %q, %v; want the one that stands out", got, err)
	}
	right := func(text string) error {
		if text != "right" && text != "secret" {
			return errors.New("not right: " + text + "\x1b")
		}
		return nil
	}
	if got, err := a.text(t.Context(), question{title: "What?"}, "", right); got != "right" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := a.text(t.Context(), question{title: "What?"}, "right", right); got != "right" || err != nil {
		t.Errorf("got %q, %v; want what was given", got, err)
	}
	if got, err := a.secret(t.Context(), question{title: "What?"}, right); got != "secret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := a.text(t.Context(), question{title: "What?"}, "", right); !errors.Is(err, errLeft) {
		t.Errorf("at the end: got %v, want that the person has left", err)
	}
	if strings.ContainsAny(out.String(), "\x1b\a") || strings.Contains(out.String(), "secret") {
		t.Errorf("got %q, want nothing that commands a terminal, and no secret", out.String())
	}
}
