package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/export"
	"tillpost/inventory"
)

var update = flag.Bool("update", false, "rewrite testdata/*/want.ndjson")

// line is a line of `preview --json`.
type line struct {
	Detected     *export.Detected  `json:"detected,omitempty"`
	Line         int               `json:"line,omitempty"`
	Update       *inventory.Update `json:"update,omitempty"`
	Reject       string            `json:"reject,omitempty"`
	Code         string            `json:"code,omitempty"`
	Error        string            `json:"error,omitempty"`
	Unterminated bool              `json:"unterminated,omitempty"`
	Summary      *export.Summary   `json:"summary,omitempty"`
}

// preview reads an export and writes down all that came of it.
func preview(t testing.TB, o export.Options, in []byte) []line {
	t.Helper()
	return previewFrom(t, o, bytes.NewReader(in))
}

// previewFrom is preview of a reader.
func previewFrom(t testing.TB, o export.Options, in io.Reader) []line {
	t.Helper()
	reader, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reader.Read(in)
	if err != nil {
		return []line{refusal(t, err)}
	}
	detected := rows.Detected()
	lines := []line{{Detected: &detected}}
	for row, err := range rows.All() {
		if reject, ok := errors.AsType[*export.Reject](err); ok {
			lines = append(lines, line{Line: reject.Line, Reject: reject.Reason, Code: reject.Code, Unterminated: reject.Unterminated})
			continue
		}
		if err != nil {
			lines = append(lines, refusal(t, err))
			break
		}
		key, err := inventory.DecodeKey(row.Key)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line{Line: row.Line, Update: &inventory.Update{Key: key, Quantity: row.Figure}, Unterminated: row.Unterminated})
	}
	summary := rows.Summary()
	if got := summary.Updates + summary.Rejects + summary.Skipped; got != summary.Rows {
		t.Errorf("got %d updates, rejects and skipped, want as many as rows: %+v", got, summary)
	}
	return append(lines, line{Summary: &summary})
}

func refusal(t testing.TB, err error) line {
	t.Helper()
	refused, ok := errors.AsType[*export.Refused](err)
	if !ok {
		t.Fatal(err)
	}
	return line{Error: refused.Error(), Code: refused.Code}
}

func ndjson(t testing.TB, lines []line) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestExportsOfTheTestdataAreReadAsWrittenDown(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*/in.*")
	if err != nil || len(cases) == 0 {
		t.Fatalf("got %d cases, %v", len(cases), err)
	}
	for _, in := range cases {
		dir := filepath.Dir(in)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			var o export.Options
			if text, err := os.ReadFile(filepath.Join(dir, "options.json")); err == nil {
				decoder := json.NewDecoder(bytes.NewReader(text))
				decoder.DisallowUnknownFields()
				if err := decoder.Decode(&o); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			got := ndjson(t, preview(t, o, text))
			wantFile := filepath.Join(dir, "want.ndjson")
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
