package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"tillpost/mockapi"
)

func TestANewExportAndThenOnlyItsChanges(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.start()
	s.drop("stock-1.csv", row(0, 12), row(1, 0), row(2, 3))
	s.ends(quantities(12, 0, 3))
	s.drop("stock-2.csv", row(0, 12), row(1, 7), row(2, 3))
	s.ends(quantities(12, 7, 3))
	if n := s.requests(); n != 4 {
		t.Errorf("got %d requests, want 4", n)
	}
	s.stop()
	if st := s.status(); st["state"] != "stopped" || st["delivered"] != 4.0 || st["unchanged"] != 2.0 {
		t.Errorf("the status after the stop: %v", st)
	}
}

func TestFiveExportsWhileTheAPIIsDown(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.api.SetDown(503)
	s.start()
	for i := range int64(5) {
		s.drop(fmt.Sprintf("stock-%d.csv", i), row(0, i), row(1, 10-i), row(2, 5))
		s.eventually("the export is taken", func() bool {
			return strings.Count(s.log.String(), "export taken") == int(i+1)
		})
	}
	s.api.SetDown(0)
	s.ends(quantities(4, 6, 5))
	for _, item := range s.api.State().Items {
		if item.Applied != 1 {
			t.Errorf("%v was applied %d times, want once", item.Key, item.Applied)
		}
	}
}

func TestAQuantityInDoubtReturnsToTheEarlierOne(t *testing.T) { // I2
	t.Parallel()
	s := newShop(t, "", "")
	s.start()
	s.drop("stock-1.csv", row(0, 5))
	s.ends(quantities(5))
	s.inject("hang,next=1,apply=now")
	s.drop("stock-2.csv", row(0, 3))
	s.eventually("3 is applied and not answered", func() bool { return s.holds(quantities(3)) })
	s.drop("stock-3.csv", row(0, 5))
	s.ends(quantities(5))
}

func TestANewerQuantityWhileTheOlderIsOnItsWay(t *testing.T) { // I3
	t.Parallel()
	s := newShop(t, "", "")
	s.start()
	s.inject("slow,next=1,delay=1500ms")
	s.drop("stock-1.csv", row(0, 5))
	s.eventually("5 is on its way", func() bool { return s.api.Counters().InFlight == 1 })
	s.drop("stock-2.csv", row(0, 6))
	s.ends(quantities(6))
	s.drop("stock-3.csv", row(0, 6), row(1, 1))
	s.ends(quantities(6, 1))
}

// TestWhatWasOnItsWayWhenTheAgentDiedIsConfirmed: 3 is on its way when the agent is killed, and lands after 5 was
// acknowledged by the next one, which is killed before it has sent 5 once more.
func TestWhatWasOnItsWayWhenTheAgentDiedIsConfirmed(t *testing.T) { // I4, I5, promise 4
	t.Parallel()
	s := newShop(t, "  confirm: 20s\n", "")
	s.inject("hang,next=1")
	s.start()
	s.drop("stock-1.csv", row(0, 3))
	s.eventually("3 is on its way", func() bool { return s.api.Counters().InFlight == 1 })
	s.kill()
	s.drop("stock-2.csv", row(0, 5))
	s.start()
	s.eventually("5 is acknowledged", func() bool { return s.status()["to_confirm"] == 1.0 })
	s.kill()
	if st := s.status(); st["pending"] != 1.0 || st["to_confirm"] != 1.0 {
		t.Errorf("after the second kill: got %v pending, %v to confirm; want 5 to wait for its confirmation", st["pending"], st["to_confirm"])
	}
	s.post(row(0, 3)) // the network delivers it now
	if !s.holds(quantities(3)) {
		t.Fatal("the 3 has not landed")
	}
	s.start()
	s.ends(quantities(5))
	journal := s.api.Journal()
	end := journal[len(journal)-3:] // before it 3, perhaps twice: the second agent may have sent it again before it knew of 5
	if len(journal) > 5 || end[0].Quantity != 5 || end[1].Quantity != 3 || end[2].Quantity != 5 || end[2].At.Sub(end[0].AnsweredAt) < 19*time.Second {
		t.Errorf("got %+v, want 3, 5, the late 3, and 5 once more after api.confirm", journal)
	}
	s.stop()
}

func TestAStopAndARestartWithTheExportGone(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.api.SetDown(500)
	s.start()
	s.drop("stock.csv", row(0, 5), row(1, 6))
	s.eventually("something was tried", func() bool { return s.requests() > 0 })
	s.stop()
	if err := os.Remove(s.path("in/stock.csv")); err != nil {
		t.Fatal(err)
	}
	if st := s.status(); st["pending"] != 2.0 {
		t.Errorf("after the stop: %v", st)
	}
	s.api.SetDown(0)
	s.start()
	s.ends(quantities(5, 6))
}

func TestAnOlderExportComesLate(t *testing.T) { // W9, promise 8
	t.Parallel()
	s := newShop(t, "", "")
	s.start()
	s.drop("stock-2.csv", row(0, 5), row(1, 6))
	s.ends(quantities(5, 6))
	s.write("stock-1.tmp", csvText(row(0, 9), row(2, 7)))
	at := time.Now().Add(-3 * time.Hour)
	if err := errors.Join(os.Chtimes(s.path("in/stock-1.tmp"), at, at), os.Rename(s.path("in/stock-1.tmp"), s.path("in/stock-1.csv"))); err != nil {
		t.Fatal(err)
	}
	s.ends(quantities(5, 6, 7))
}

func TestASlowlyWrittenExportIsReadWhenItIsWhole(t *testing.T) { // W5
	t.Parallel()
	s := newShop(t, "", "    settle_last: 20s\n")
	s.start()
	f, err := os.Create(s.path("in/stock.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, part := range []string{"UPC,On Hand\n", row(0, 5) + "\n" + row(1, 1)} {
		if _, err := f.WriteString(part); err != nil {
			t.Fatal(err)
		}
	}
	// The last row is 1, or the beginning of 125: it must wait while the one before it goes.
	s.eventually("the whole row is delivered", func() bool { return s.holds(quantities(5)) })
	if _, err := f.WriteString("25\n"); err != nil {
		t.Fatal(err)
	}
	s.ends(quantities(5, 125))
	for _, item := range s.api.State().Items {
		if item.UPC == upc(1) && item.Applied != 1 {
			t.Errorf("got %d applications of the last row: %+v", item.Applied, item.History)
		}
	}
}

func TestBadRowsNeverStopTheGoodOnes(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.start()
	s.drop("stock.csv", row(0, 5), "849632048261,3", "no code at all,4", upc(1)+",1O", upc(2)+",2.5", "\"unclosed,7", row(3, 8))
	want := quantities(5, 0, 2, 8)
	delete(want, upc(1))
	s.ends(want)
	if st := s.status(); st["rejects"] != 4.0 {
		t.Errorf("got %v rejects, want 4", st["rejects"])
	}
}

func TestAWrongTokenThatIsCorrected(t *testing.T) { // A9
	t.Parallel()
	s := newShop(t, "", "")
	s.setToken("wrong-token-of-the-store")
	s.start()
	s.drop("stock.csv", row(0, 5), row(1, 6))
	s.eventually("the drain is paused", func() bool { return s.api.Counters().Unauthorized > 0 })
	if st := s.status(); st["pending"] != 2.0 || st["dead"] != 0.0 || st["state"] != "paused" {
		t.Errorf("with a wrong token: %v", st)
	}
	s.setToken(apiToken)
	s.ends(quantities(5, 6))
	if strings.Contains(s.log.String(), "wrong-token") {
		t.Error("the log holds the wrong token")
	}
}

func TestACaptivePortalsPageIsNoAcknowledgement(t *testing.T) { // A7
	t.Parallel()
	s := newShop(t, "", "")
	s.inject("portal")
	s.start()
	s.drop("stock.csv", row(0, 5))
	s.eventually("the portal has answered", func() bool { return s.requests() > 1 })
	if st := s.status(); st["pending"] != 1.0 || st["delivered"] != 0.0 {
		t.Errorf("behind a portal: %v", st)
	}
	s.api.ClearFaults()
	s.ends(quantities(5))
}

func TestARedirectIsNotFollowedAndTheTokenStaysHome(t *testing.T) { // A6
	t.Parallel()
	s := newShop(t, "", "")
	strayed := make(chan *http.Request, 100)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { strayed <- r }))
	t.Cleanup(elsewhere.Close)
	for _, code := range []string{"301", "302", "303", "307", "308"} {
		s.inject(code + ",next=1,location=" + elsewhere.URL + mockapi.Path)
	}
	s.start()
	s.drop("stock.csv", row(0, 5))
	s.ends(quantities(5))
	if n := s.requests(); n != 6 {
		t.Errorf("got %d requests, want five redirects and one acknowledgement", n)
	}
	if len(strayed) != 0 {
		r := <-strayed
		t.Errorf("a redirect was followed: %s, with a token: %t", r.Method, r.Header.Get("Authorization") != "")
	}
}

func TestRetryAfterSilencesTheWholeDrain(t *testing.T) { // A11
	t.Parallel()
	s := newShop(t, "  concurrency: 1\n", "")
	s.inject("429,next=1,retry-after=2")
	s.start()
	s.drop("stock.csv", row(0, 5), row(1, 6), row(2, 7))
	s.ends(quantities(5, 6, 7))
	journal := s.api.Journal()
	if gap := journal[1].At.Sub(journal[0].At); gap < 2*time.Second {
		t.Errorf("got a request %v after the answer that asked for 2 s", gap)
	}
}

func TestASecondAgentIsRefusedWithTheFirstOnesProcessID(t *testing.T) { // P7
	t.Parallel()
	s := newShop(t, "", "")
	s.start()
	for _, command := range []string{"run", "sync"} {
		_, errs, code := s.run(command)
		if code != 1 || !strings.Contains(errs, fmt.Sprint(s.cmd.Process.Pid)) {
			t.Errorf("%s: got status %d and %q", command, code, errs)
		}
	}
	s.stop()
}

func TestSyncDeliversWhatIsThereAndEnds(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.write("stock.csv", strings.TrimSuffix(csvText(row(0, 5), row(1, 6)), "\n"))
	if _, errs, code := s.run("sync"); code != 0 {
		t.Fatalf("got status %d: %s", code, errs)
	}
	if !s.holds(quantities(5, 6)) {
		t.Errorf("the API holds %v", s.quantities())
	}
	s.drop("more.csv", row(2, 7), "bad,row")
	if _, _, code := s.run("sync"); code != 3 {
		t.Errorf("with a reject: got status %d, want 3", code)
	}
	s.api.SetDown(500)
	s.drop("last.csv", row(3, 7))
	if _, errs, code := s.run("sync", "--timeout", "1s"); code != 1 || !strings.Contains(errs, "1 update") {
		t.Errorf("with the API down: got status %d and %q", code, errs)
	}
}
