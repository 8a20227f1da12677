package export_test

import (
	"errors"
	"strings"
	"testing"

	"tillpost/export"
)

// explosive is an export on which reading panics after a number of bytes.
type explosive struct {
	text string
	at   int
}

func (e *explosive) Read(b []byte) (int, error) {
	if e.at <= 0 {
		panic("a fault of ours")
	}
	n := copy(b[:min(len(b), e.at)], e.text)
	e.text, e.at = e.text[n:], e.at-n
	return n, nil
}

func TestAnExportOnWhichReadingPanicsIsRefused(t *testing.T) { // P5, promise 7
	t.Parallel()
	r, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := "Store,UPC,Qty\n" + strings.Repeat("3,849632048260,4\n", 100_000)
	for _, at := range []int{0, 5, 1_000_000} {
		rows, err := r.Read(&explosive{text, at})
		for err == nil {
			n := 0
			for _, rerr := range rows.All() {
				if n++; rerr != nil {
					err = rerr
				}
			}
			if err == nil {
				t.Fatalf("%d: got %d rows and no error", at, n)
			}
		}
		if refused, ok := errors.AsType[*export.Refused](err); !ok || !strings.Contains(refused.Error(), "a fault of ours") || !strings.Contains(refused.Error(), "in export.") {
			t.Errorf("%d: got %v, want it to be refused", at, err)
		}
	}
}

func TestAPanicOfWhoReadsAnExportIsHisOwn(t *testing.T) {
	t.Parallel()
	r, err := export.New(export.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := r.Read(strings.NewReader("Store,UPC,Qty\n3,849632048260,4\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != "mine" {
			t.Errorf("got %v, want the reader's own panic", p)
		}
	}()
	for range rows.All() {
		panic("mine")
	}
}
