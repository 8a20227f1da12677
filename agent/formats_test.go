package agent_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// zipped is a zip file: names and texts in turn.
func zipped(t *testing.T, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.Create(parts[i])
		if err == nil {
			_, err = io.WriteString(w, parts[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAPackedExportIsTakenWholeOrNotAtAll(t *testing.T) { // promise 6
	inBubble(t, "", "", func(s *store) {
		s.start()
		stock := func(a, b int) string { return fmt.Sprintf("UPC,On Hand\n%s,%d\n%s,%d", upcA, a, upcB, b) }
		s.write("a.csv.gz", gzipped(t, stock(5, 6)))
		pass(35 * time.Second) // found at 30 s, and before settle_last: the last row of an archive needs no line end
		s.want(map[string]int64{upcA: 5, upcB: 6})

		whole := zipped(t, "readme.txt", "Hello.\n", "a.csv", stock(4, 3))
		s.write("b.zip", whole[:len(whole)-30]) // as a copy that is under way
		pass(30 * time.Second)
		s.want(map[string]int64{upcA: 5, upcB: 6})
		if s.status().Rejects > 0 || strings.Contains(s.log.String(), "export refused") {
			t.Errorf("a zip file that is still being written was judged:\n%s", s.log.String())
		}
		s.write("b.zip", whole)
		pass(35 * time.Second)
		s.want(map[string]int64{upcA: 4, upcB: 3})
		if n := strings.Count(s.log.String(), "readme.txt"); n != 1 {
			t.Errorf("got %d lines that name what was left out, want 1:\n%s", n, s.log.String())
		}

		s.write("c.zip", whole[:len(whole)-30]) // that stays so
		pass(time.Minute)
		s.want(map[string]int64{upcA: 4, upcB: 3})
		if n := strings.Count(s.log.String(), "export refused"); n != 1 {
			t.Errorf("got %d lines of a refusal, want 1:\n%s", n, s.log.String())
		}
		s.end()
	})
}

func TestAColumnForEachStoreReachesEachStore(t *testing.T) {
	inBubble(t, "", "    stores: {Main Outlet: \"3\", Airport: \"4\"}\n    missing: zero\n    missing_after: 1\n", func(s *store) {
		s.start()
		const header = "UPC,inventory_Main_Outlet,inventory_Airport,inventory_Warehouse\n"
		s.write("1.csv", header+upcA+",5,6,90\n"+upcB+",7,,90\n")
		pass(time.Minute)
		if got, want := s.shop(), "036000291452@3=7 849632048260@3=5 849632048260@4=6"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		before := s.requests()
		s.write("2.csv", header+upcA+",5,0,91\n"+upcB+",7,,91\n") // one figure has changed; a blank cell lacks nothing
		pass(time.Minute)
		if n := s.requests() - before; n != 1 {
			t.Errorf("got %d requests, want 1", n)
		}
		s.write("3.csv", header+upcA+",5,0,91\n")
		pass(time.Minute)
		if got, want := s.shop(), "036000291452@3=0 849632048260@3=5 849632048260@4=0"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if n := strings.Count(s.log.String(), "inventory_Warehouse"); n != 1 {
			t.Errorf("got %d lines that name the column that is left out, want 1:\n%s", n, s.log.String())
		}
		s.end()
	})
}
