package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/mockapi"
)

func TestAChangedConfigIsTakenUpWhileRunning(t *testing.T) { // the contract's config, promise 7, O1
	t.Parallel()
	s := newStore(t, mockapi.Options{Unknown: []string{"849632040042"}})
	good, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,849632040042,1\n")
	_, log, stop := start(t, "run", "--config", s.config)
	delivered := func(n int64) {
		t.Helper()
		eventually(t, "the export is delivered", func() bool {
			status, ok := s.status()
			return ok && status.State == "running" && status.Delivered == n && status.Pending == 0
		})
	}
	delivered(1)

	s.write("tillpost.yaml", strings.Replace(string(good), "rate: unlimited", "rate: a lot", 1))
	eventually(t, "the bad config is named", func() bool {
		return strings.Contains(log.String(), "cannot be taken up; the one before goes on") && strings.Contains(log.String(), `tillpost.yaml:1:`)
	})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,11\n3,849632040042,1\n")
	eventually(t, "the agent goes on by the good one", func() bool { // which the commands cannot read meanwhile
		q, _ := s.api.Quantity(mockapi.Key{Store: "3", UPC: "849632048260"})
		return q == 11
	})

	s.write("tillpost.yaml", string(good)+"  - {name: second, folder: more, settle: 50ms, settle_last: 50ms, rescan: 200ms}\n")
	s.write("more/stock.csv", "Store,UPC,Qty\n7,849632048260,3\n")
	delivered(3)
	if n := s.api.Counters().Requests; n < 5 { // the dead letter was tried once more
		eventually(t, "the dead letter is tried again", func() bool { return s.api.Counters().Requests >= 5 })
	}
	if q, ok := s.api.Quantity(mockapi.Key{Store: "7", UPC: "849632048260"}); !ok || q != 3 {
		t.Errorf("got %d, %t; want the new source's quantity", q, ok)
	}
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d; its log:\n%s", code, log)
	}
	for _, want := range []string{"the config is good again", "the config has changed; it is taken up", `cause="the config has changed"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if n := strings.Count(log.String(), "cannot be taken up"); n != 1 {
		t.Errorf("the bad config is named %d times, want once:\n%s", n, log)
	}
}

// TestAChangeOfTheConfigLosesAndRepeatsNoRequest: it comes while requests are on their way, several times.
func TestAChangeOfTheConfigLosesAndRepeatsNoRequest(t *testing.T) { // I12, I20, the contract's config
	t.Parallel()
	s := newStore(t, mockapi.Options{Latency: 200 * time.Millisecond})
	good := read(t, s.config)
	const rows = 600
	var text strings.Builder
	text.WriteString("Store,UPC,Qty\n")
	for i := range rows {
		fmt.Fprintf(&text, "%d,849632048260,5\n", i)
	}
	s.write("pos/stock.csv", text.String())
	_, log, stop := start(t, "run", "--config", s.config)
	for n, rate := range []string{"300/s", "unlimited"} {
		eventually(t, "requests are on their way", func() bool { return s.api.Counters().Requests > uint64(n)*20 && s.api.Counters().InFlight > 0 })
		s.write("tillpost.yaml", strings.Replace(good, "rate: unlimited", "burst: 1, rate: "+rate, 1))
		eventually(t, "the config is taken up", func() bool { return strings.Count(log.String(), "it is taken up") == n+1 })
	}
	s.api.SetLatency(0, 0)
	eventually(t, "all is delivered", func() bool { status, ok := s.status(); return ok && status.Delivered == rows && status.Pending == 0 })
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d; its log:\n%s", code, log)
	}
	if n := s.api.Counters().Requests; n != rows || len(s.api.Quantities()) != rows {
		t.Errorf("got %d requests for %d of %d updates, want one each", n, len(s.api.Quantities()), rows)
	}
	for _, v := range s.api.Check() {
		t.Errorf("the API was told wrongly: %s", v)
	}
}

func TestAConfigThatIsGoneOrMovesTheDataFolderStopsNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	good, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	_, log, stop := start(t, "run", "--config", s.config)
	eventually(t, "the agent runs", func() bool { status, ok := s.status(); return ok && status.State == "running" })
	if err := os.Remove(s.config); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is told that the config is gone", func() bool { return strings.Contains(log.String(), "no such file or folder") })
	s.write("tillpost.yaml", strings.Replace(string(good), "data_dir: data", "data_dir: elsewhere", 1))
	eventually(t, "it is told what counts later", func() bool { return strings.Contains(log.String(), "counts from the next start on") })
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n")
	eventually(t, "the agent still delivers", func() bool { return s.api.Counters().Requests > 0 })
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d; its log:\n%s", code, log)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "elsewhere")); err == nil {
		t.Error("the new data folder is used already")
	}
}

func TestAChangedLogFileIsTakenUp(t *testing.T) {
	t.Parallel()
	s := newStore(t, mockapi.Options{})
	good, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	_, log, stop := start(t, "run", "--config", s.config)
	eventually(t, "the agent runs", func() bool { status, ok := s.status(); return ok && status.State == "running" })
	s.write("tillpost.yaml", "log: {file: one.log}\n"+string(good))
	has := func(name, want string) func() bool {
		return func() bool {
			data, _ := os.ReadFile(filepath.Join(s.dir, name))
			return strings.Contains(string(data), want)
		}
	}
	eventually(t, "the first file is used", has("one.log", "started"))
	s.write("tillpost.yaml", "log: {file: two.log}\n"+string(good))
	eventually(t, "the second file is used", has("two.log", "started"))
	if code := stop(); code != statusDone {
		t.Errorf("run: got %d; its log:\n%s", code, log)
	}
	if !has("one.log", `cause="the config has changed"`)() || !has("two.log", "stopped")() {
		t.Error("the end of an agent is in the wrong log")
	}
}
