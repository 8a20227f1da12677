package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// report is an export's report of rejects; "" = there is none.
func (s *store) report(name string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "data", "rejects", filepath.FromSlash(name)+".rejects.csv"))
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

func (s *store) wantReport(name, want string) {
	s.t.Helper()
	if got := s.report(name); got != strings.ReplaceAll(want, "\n", "\r\n") {
		s.t.Errorf("the report of %s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestRejectsAreWrittenDownOnceAndGoWhenTheyAreMended(t *testing.T) { // the contract's rejects, W18, X5
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.write("stock-1.csv", "UPC,On Hand,Note\n"+upcA+",1,\n"+upcB+",1O,=cmd|'/C calc'!A0\n123,5,-x\n")
		pass(time.Minute)
		s.wantReport("stock-1.csv", `UPC,On Hand,Note,line,reason
`+upcB+`,1O,'=cmd|'/C calc'!A0,3,"column ""On Hand"": ""1O"" is not a whole number"
123,5,'-x,4,"column ""UPC"": ""123"" is not a UPC: those have 8, 12, 13 or 14 digits with their check digit"
`)
		if n := s.lines("row set aside"); n != 2 {
			s.t.Errorf("%d rejects were logged, want 2", n)
		}
		for range 48 { // the same faults every hour
			s.write("stock-2.csv", "UPC,On Hand,Note\n"+upcA+",1,\n"+upcB+",1O,=cmd|'/C calc'!A0\n123,5,-x\n"+time.Now().String()+",x,\n")
			pass(time.Hour)
		}
		if got := s.report("stock-2.csv"); strings.Count(got, "\n") != 2 || strings.Contains(got, "1O") {
			s.t.Errorf("the report of later exports: got\n%s\nwant the one row that is new in each", got)
		}
		if n := s.lines("row set aside"); n > 2+48 {
			s.t.Errorf("%d rejects were logged, want each once", n)
		}
		s.write("stock-2.csv", "UPC,On Hand,Note\n"+upcA+",1,\n"+upcB+",10,\n")
		pass(time.Hour)
		s.wantReport("stock-2.csv", "")
		s.write("stock-2.csv", "UPC,On Hand,Note\n"+upcA+",1,\n123,5,-x\n")
		pass(time.Hour)
		s.wantReport("stock-2.csv", `UPC,On Hand,Note,line,reason
123,5,'-x,3,"column ""UPC"": ""123"" is not a UPC: those have 8, 12, 13 or 14 digits with their check digit"
`)
		s.end()
	})
}

func TestAnExportOfWhichEveryRowIsRejectedHasItsReport(t *testing.T) {
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.write("stock.csv", "UPC;On Hand\n"+upcA+";zwölf\n"+upcB+";x\n")
		pass(time.Minute)
		s.wantReport("stock.csv", "\uFEFFUPC;On Hand;line;reason\n"+
			upcA+`;zwölf;2;"column ""On Hand"": ""zwölf"" is not a whole number"`+"\n"+
			upcB+`;x;3;"column ""On Hand"": ""x"" is not a whole number"`+"\n")
		s.want(map[string]int64{})
		s.end()
	})
}

func TestAFormulaBehindAnotherCountrysSeparatorIsDefusedToo(t *testing.T) { // X5
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.write("stock.csv", "UPC,On Hand,Note\n"+upcA+",1,\n"+upcB+",x,a;=cmd|'/C calc'!A0\n")
		pass(time.Minute)
		if got := s.report("stock.csv"); !strings.Contains(got, "a;'=cmd") {
			s.t.Errorf("got the report %q", got)
		}
		s.end()
	})
}

func TestRowsThatFallToOthersAreListed(t *testing.T) {
	inBubble(t, "", "    duplicates: reject\n", func(s *store) {
		s.start()
		s.write("stock.csv", "Description,UPC,On Hand\nshoe,"+upcA+",1\nshoe,"+upcB+",2\nshoe,"+upcB+",3\n")
		pass(time.Minute)
		s.wantReport("stock.csv", `Description,UPC,On Hand,line,reason
,`+upcB+`,,3,"other rows are for the same product and store, and duplicates are rejected"
`) // the second is the same row, as far as it is known
		s.want(map[string]int64{upcA: 1})
		s.end()
	})
}

func TestAReportThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	inBubble(t, "", "", func(s *store) {
		s.start()
		blocked := filepath.Join(s.dir, "data", "rejects")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil { // as a spreadsheet blocks its file
			s.t.Fatal(err)
		}
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",1\n"+upcB+",x\n")
		pass(5 * time.Minute)
		s.want(map[string]int64{upcA: 1})
		if n := s.lines("rejects cannot be written down"); n != 1 {
			s.t.Errorf("the trouble was logged %d times, want once", n)
		}
		if err := os.Remove(blocked); err != nil {
			s.t.Fatal(err)
		}
		pass(5 * time.Minute)
		if s.report("stock.csv") == "" || s.lines("rejects can be written down again") != 1 {
			s.t.Errorf("got the report %q and the log\n%s", s.report("stock.csv"), s.log.String())
		}
		s.end()
		if err := os.RemoveAll(blocked); err != nil {
			s.t.Fatal(err)
		}
		s.start()
		pass(time.Minute)
		if s.report("stock.csv") == "" {
			s.t.Error("a report that is missing at the start is not written")
		}
		s.end()
	})
}

func TestTwoSourcesWithExportsOfOneNameHaveTwoReports(t *testing.T) {
	inBubble(t, "", "  - name: second\n    folder: in2\n    defaults: {store: \"7\"}\n", func(s *store) {
		if err := os.Mkdir(filepath.Join(s.dir, "in2"), 0o700); err != nil {
			s.t.Fatal(err)
		}
		s.start()
		s.write("stock.csv", "UPC,On Hand\n"+upcA+",1\n"+upcB+",x\n")
		pass(time.Minute)
		s.write("../in2/stock.csv", "UPC,On Hand\n"+upcA+",1\n"+upcB+",y\n")
		pass(time.Minute)
		if a, b := s.report("stock.csv"), s.report("stock.csv.second"); !strings.Contains(a, ",x,") || !strings.Contains(b, ",y,") {
			s.t.Errorf("got the reports %q and %q", a, b)
		}
		// The later source may be the first to have such a name.
		s.write("../in2/other.csv", "UPC,On Hand\n"+upcA+",2\n"+upcB+",y\n")
		pass(time.Minute)
		s.write("other.csv", "UPC,On Hand\n"+upcA+",2\n"+upcB+",x\n")
		pass(time.Minute)
		s.write("../in2/more.csv", "UPC,On Hand\n"+upcA+",1\n")
		pass(time.Minute)
		if a, b := s.report("other.csv"), s.report("other.csv.second"); !strings.Contains(a, ",x,") || !strings.Contains(b, ",y,") {
			s.t.Errorf("got the reports %q and %q", a, b)
		}
		s.end()
	})
}

func TestTheTokenIsInNoReport(t *testing.T) { // promise 11
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.write("stock.csv", "UPC,On Hand,"+goodToken+"\n"+upcA+",1,\n"+upcB+","+goodToken+",x\n")
		pass(time.Minute)
		if got := s.report("stock.csv"); got == "" || strings.Contains(got, goodToken) {
			s.t.Errorf("got the report %q", got)
		}
		s.end()
		err := filepath.WalkDir(s.dir+"/data", func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if strings.Contains(string(data), goodToken) {
				s.t.Errorf("%s holds the token", path)
			}
			return err
		})
		if err != nil {
			s.t.Error(err)
		}
	})
}

func TestReportsOfLongAgoGo(t *testing.T) {
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.write("stock-1.csv", "UPC,On Hand\n"+upcA+",1\n"+upcB+",x\n")
		pass(time.Hour)
		s.write("stock-2.csv", "UPC,On Hand\n"+upcA+",1\n123,x\n")
		pass(time.Hour)
		old := time.Now().Add(-40 * 24 * time.Hour)
		for _, name := range []string{"stock-1.csv", "stock-2.csv"} {
			if err := os.Chtimes(filepath.Join(s.dir, "data", "rejects", name+".rejects.csv"), old, old); err != nil {
				s.t.Fatal(err)
			}
		}
		pass(49 * time.Hour)
		s.wantReport("stock-1.csv", "")
		if s.report("stock-2.csv") == "" {
			s.t.Error("the report of what is listed now is gone")
		}
		s.end()
	})
}

func TestAReportHoldsNothingThatATerminalObeys(t *testing.T) {
	inBubble(t, "", "", func(s *store) {
		s.start()
		s.write("stock.csv", "UPC,On Hand,Note\n"+upcA+",1,\n"+upcB+",x,\x1b]0;evil\x07\u009b2J\x7f\n")
		pass(time.Minute)
		if got := s.report("stock.csv"); got == "" || strings.ContainsAny(got, "\x1b\x07\x7f\u009b") {
			s.t.Errorf("got %q", got)
		}
		s.end()
	})
}
