package export

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzCSV compares the fields with encoding/csv's, for all that it takes without a complaint.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", `"a ""b""",c` + "\n", "\"a\nb\",c\n\n\nd,e", `"",""` + "\n", "a,\"b\"\n\"c\",d\n", ",,\n", "\"\"\"\"\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.IndexByte(in, '\r') >= 0 { // encoding/csv drops those before LF within quotes
			return
		}
		reference := csv.NewReader(bytes.NewReader(in))
		reference.FieldsPerRecord = -1
		all, err := reference.ReadAll()
		if err != nil {
			return
		}
		for _, src := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in))} {
			d := newCSV(src, ',', MaxColumns)
			var rec record
			for _, want := range all {
				for {
					if err := d.next(&rec); err != nil {
						t.Fatalf("got %v, want %q", err, want)
					}
					if len(rec.raw) > 0 || rec.fault != noFault { // encoding/csv passes over empty lines
						break
					}
				}
				if rec.fault == longField || rec.lines == 1 && rec.fault == openQuote || rec.fault == manyFields {
					return
				}
				got := make([]string, len(rec.fields))
				for i, field := range rec.fields {
					got[i] = string(field)
				}
				if rec.fault != noFault || !slices.Equal(got, want) || rec.count != len(want) {
					t.Fatalf("got %q (fault %d), want %q", got, rec.fault, want)
				}
			}
		}
	})
}

func TestARecordBeyondTheBoundsIsOneFaultAndReadingGoesOn(t *testing.T) { // W14
	t.Parallel()
	tests := map[string]struct {
		bad   string
		fault fault
	}{
		"a line of two megabytes":                  {strings.Repeat("x", 2<<20), longRecord},
		"a line of five megabytes":                 {strings.Repeat("x,", 5<<19), longRecord},
		"a line of two megabytes in quotes":        {`"` + strings.Repeat("x", 2<<20) + `"`, longRecord},
		"a field of 65 KiB":                        {"a," + strings.Repeat("x", 65<<10) + ",b", longField},
		"a last field of 65 KiB":                   {"a," + strings.Repeat("x", 65<<10), longField},
		"a field of 65 KiB in quotes":              {`a,"` + strings.Repeat("x", 65<<10) + `",b`, openQuote},
		"an unquoted field of 65 KiB after quotes": {`"a",` + strings.Repeat("x", 65<<10) + `,b`, longField},
		"too many fields":                          {strings.Repeat(",", MaxColumns), manyFields},
		"too many fields, one of them in quotes":   {`"a"` + strings.Repeat(",", MaxColumns), manyFields},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newCSV(strings.NewReader("first,1\n"+test.bad+"\nlast,3\n"), ',', 2)
			var rec record
			for i, want := range []fault{noFault, test.fault, noFault} {
				if err := d.next(&rec); err != nil || rec.fault != want || rec.line != i+1 || rec.unterminated {
					t.Fatalf("record %d: got fault %d in line %d, unterminated %v, %v; want fault %d", i+1, rec.fault, rec.line, rec.unterminated, err, want)
				}
			}
			if got := string(rec.fields[0]); got != "last" {
				t.Errorf("got %q, want the last row", got)
			}
			if err := d.next(&rec); err != io.EOF {
				t.Errorf("got %v, want EOF", err)
			}
		})
	}
}

func TestAQuoteThatDoesNotEndCostsItsOwnRowOnly(t *testing.T) { // W14
	t.Parallel()
	for name, after := range map[string]int{"after more lines than a record has": MaxRecordLines + 10, "after more bytes than a field has": 6000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := "a,\"open,1\n" + strings.Repeat("b,plain row,2\n", after) + "c,\"closed\",3\n"
			d := newCSV(strings.NewReader(in), ',', 3)
			var rec record
			records, faults := 0, 0
			for d.next(&rec) == nil {
				records++
				if rec.fault != noFault {
					faults++
				}
				if rec.unterminated {
					t.Fatalf("line %d: got unterminated", rec.line)
				}
			}
			if records != after+2 || faults != 1 {
				t.Errorf("got %d records with %d faults, want %d with 1", records, faults, after+2)
			}
		})
	}
}

// A file whose every line begins a record that runs on to the bounds is still read in linear time.
func TestAFileOfBrokenQuotesIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	const lines = 1 << 17
	for _, line := range []string{`x","` + "\n", `"` + "\n", `a,"b` + "\n", `"","` + "\n"} {
		d := newCSV(strings.NewReader(strings.Repeat(line, lines)), ',', 3)
		var rec record
		last := 0
		for d.next(&rec) == nil {
			if rec.line <= last {
				t.Fatalf("%q: got line %d after line %d", line, rec.line, last)
			}
			last = rec.line
		}
		if last < lines-MaxRecordLines {
			t.Errorf("%q: got to line %d of %d", line, last, lines)
		}
	}
}
