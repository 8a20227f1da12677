package dashboard_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/dashboard"
)

// fill gives every text of a value, and of all that it holds, what text says for its path.
func fill(v reflect.Value, path string, text func(path string) string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), path, text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name, text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), path, text)
		}
	case reflect.String:
		v.SetString(text(path))
	}
}

// fillDesk fills all that a desk gives.
func fillDesk(d *desk, text func(path string) string) {
	fill(reflect.ValueOf(&d.status), "Status", text)
	fill(reflect.ValueOf(&d.held), "Held", text)
	fill(reflect.ValueOf(&d.dead), "Dead", text)
	fill(reflect.ValueOf(&d.rejects), "Reject", text)
	fill(reflect.ValueOf(&d.log), "Log", text)
	fill(reflect.ValueOf(&d.words), "DeadGroup.Words", text)
	why := d.why["849632048260"]
	why.Rejects = slices.Clone(d.rejects[:1])
	fill(reflect.ValueOf(&why), "Why", text)
	d.why = map[string]dashboard.Why{"1": why}
}

// paths are all that show something.
var paths = []string{"/", "/why?code=1", "/why", "/log", "/dead.csv", "/rejects.csv", "/plot/day.svg", "/plot/month.svg", "/open/1", "/metrics", "/healthz", "/healthz/live", "/healthz/ready"}

func TestWithoutASessionNothingIsShownThatNeedsOne(t *testing.T) { // X2
	t.Parallel()
	public := []string{"Status.Version", "Status.State", "Status.Problems.Code", "Status.Problems.Source", "Status.Problems.What",
		"Status.Problems.Do", "Status.Sources.Name", "Status.Sources.State", "Status.API.State"}
	d := newDesk(time.Now())
	canaries := map[string]string{} // canary -> path
	fillDesk(d, func(path string) string {
		canary := fmt.Sprintf("canary%03d", len(canaries))
		canaries[canary] = path
		return canary
	})
	p := newPage(t, d)
	pages := strings.Builder{}
	for _, path := range paths {
		_, body := get(t, p, path)
		pages.WriteString(body)
	}
	stream := follow(t, p, "")
	pages.WriteString(stream.text())
	seen := 0
	for canary, path := range canaries {
		switch shown := strings.Contains(pages.String(), canary); {
		case shown && !slices.Contains(public, path):
			t.Errorf("%s is shown without a session", path)
		case shown:
			seen++
		}
	}
	if seen < 6 {
		t.Errorf("only %d of the public texts are shown", seen)
	}
	cookie, _ := enter(t, p)
	_, body := get(t, p, "/", "Cookie", cookie)
	for _, path := range []string{"Status.Sources.Folder", "Status.Sources.Exports.Name", "Status.Problems.Words", "Held.Export", "Dead.UPC", "Reject.Row"} {
		shown := false
		for canary, of := range canaries {
			shown = shown || of == path && strings.Contains(body, canary)
		}
		if !shown {
			t.Errorf("%s is not shown to a session: the test is blind", path)
		}
	}
}

func TestHostileTextsAreHarmlessOnEveryPage(t *testing.T) { // X4
	t.Parallel()
	const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \x1b[31mred\n:wq \u202egnp.exe \u2066 \x00 \xff` </textarea>"
	d := newDesk(time.Now())
	fillDesk(d, func(path string) string {
		if strings.HasSuffix(path, ".ID") { // ours, and sent back as it is
			return "0a"
		}
		return hostile
	})
	p := newPage(t, d)
	cookie, form := enter(t, p)
	for _, open := range []string{"", cookie} {
		for _, path := range append(paths, "/why?code="+"%3Cscript%3Ealert(1)%3C/script%3E%1b%e2%80%ae") {
			if strings.HasSuffix(path, ".csv") || path == "/metrics" { // plain text; a config lets no source have such a name
				continue
			}
			_, body := get(t, p, path, "Cookie", open)
			harmless(t, path, body)
			if open != "" && (path == "/" || path == "/log") && !strings.Contains(body, `\u202e`) {
				t.Errorf("%s does not show what turns the writing", path)
			}
		}
		stream := follow(t, p, open)
		harmless(t, "/events", stream.text())
	}
	d.edit(func(d *desk) { d.broken = fmt.Errorf("%s", hostile) })
	for _, path := range []string{"/pause", "/held/release", "/dead/retry"} {
		answer := ask(t, p, http.MethodPost, path, "id=h1&group=all&csrf="+form, "Cookie", cookie)
		if answer.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: got %d", path, answer.StatusCode)
		}
		_, body := get(t, p, "/", "Cookie", cookie)
		harmless(t, path, body)
	}
	_, body := get(t, p, "/why?code=1", "Cookie", cookie)
	harmless(t, "/why", body)
}

// harmless fails where a page holds what acts.
func harmless(t *testing.T, path, body string) {
	t.Helper()
	for _, bad := range []string{"<script>", "<img src=x", "\x1b", "\u202e", "\u2066", "\x00", "\xff", "\n:wq", "'><"} {
		if strings.Contains(body, bad) {
			t.Errorf("%s holds %q", path, bad)
		}
	}
}
