package export

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// readCSV reads text by a decoder with a small buffer, ahead of itself in blocks of a size; 0 = not ahead. Once it has read
// pause records it stops reading ahead, and begins again.
func readCSV(t *testing.T, src io.Reader, size, pause int) (list []string) {
	t.Helper()
	d := &csvDecoder{lines: lines{src: src, newline: '\n', line: 1, buf: make([]byte, 16)}, comma: ',', want: 3}
	d.fill()
	stop := func() {}
	if size > 0 {
		stop = d.readAhead(size)
	}
	defer func() { stop() }()
	for rec := (record{}); ; {
		err := d.next(&rec)
		if err != nil {
			return append(list, err.Error())
		}
		if rec.fault == noFault {
			rec.at = 0
		}
		list = append(list, fmt.Sprintf("line %d, %d lines, %d fields %q, raw %q, fault %d at %d, unterminated %t, ends %t, lone %t",
			rec.line, rec.lines, rec.count, rec.fields, rec.raw, rec.fault, rec.at, rec.unterminated, rec.ends, rec.lone))
		if len(list) == pause && size > 0 {
			stop()
			stop = d.readAhead(size)
		}
	}
}

func FuzzWhatIsReadAheadIsTheSame(f *testing.F) {
	plain := strings.Repeat("884179123456,9,3,4,five,six\n", 9)
	for _, text := range []string{
		plain, strings.ReplaceAll(plain, "\n", "\r\n"), plain + "a,b", "\n\n,,\n,\n", "a\r\r\nb,c\r\n",
		plain + "\"two\nlines\",x\n" + plain, plain + strings.Repeat("x", 100) + ",y,z\n" + plain, "a\rb,c\n" + plain,
		plain + "\"never closed\n" + plain, "-,-,,-\n--,,\x00,\xff\n",
	} {
		f.Add(text, uint8(20), uint8(3))
		f.Add(text, uint8(64), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, size, pause uint8) {
		want := readCSV(t, strings.NewReader(text), 0, 0)
		got := readCSV(t, iotest.OneByteReader(strings.NewReader(text)), int(size)+1, int(pause))
		if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
			t.Errorf("got\n%s\nwant\n%s", a, b)
		}
	})
}

func TestAFailureOfWhatIsReadAheadComesAfterTheRowsBeforeIt(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("1,2,3\n", 100)
	broken := io.MultiReader(strings.NewReader(text+"4,5"), iotest.ErrReader(io.ErrUnexpectedEOF))
	list := readCSV(t, broken, 50, 0)
	if n := len(list) - 1; n != 100 || list[n] != io.ErrUnexpectedEOF.Error() {
		t.Errorf("got %d records, then %s", n, list[n])
	}
}

func TestAPanicOfTheSourceIsARefusal(t *testing.T) {
	t.Parallel()
	list := readCSV(t, io.MultiReader(bytes.NewReader(make([]byte, 16)), panicReader{}), 50, 0)
	if n := len(list) - 1; !strings.Contains(list[n], "tillpost itself failed") {
		t.Errorf("got %q", list)
	}
}

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("as a decoder might") }
