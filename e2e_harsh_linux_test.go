package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillpost/mockapi"
)

// setRate replaces the rate, which is unlimited as a rule.
func (s *shop) setRate(lines string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path("tillpost.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	changed := strings.Replace(string(text), "  rate: unlimited\n", lines, 1)
	if err := os.WriteFile(s.path("tillpost.yaml"), []byte(changed), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestAnAgentThatWasFrozenKeepsTheRate: as where the computer was asleep, what waited meanwhile leaves no faster.
func TestAnAgentThatWasFrozenKeepsTheRate(t *testing.T) { // P9, C3, R4
	t.Parallel()
	s := newShop(t, "", "")
	s.setRate("  rate: 40/s\n  burst: 5\n")
	rows := make([]string, 200)
	for i := range rows {
		rows[i] = row(i, 3)
	}
	s.drop("stock-1.csv", rows...)
	s.start()
	for n := range 2 {
		had := s.requests()
		s.eventually("some are sent", func() bool { return s.requests() >= had+20 })
		if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		rows[n] = row(n, 8)
		s.drop(fmt.Sprintf("stock-%d.csv", n+2), rows...) // meanwhile, so that nobody is told of it
		<-time.After(3 * time.Second)                     // longer than a request may take, and than any burst saves up
		if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int64{}
	for i := range rows {
		want[upc(i)] = 3
	}
	want[upc(0)], want[upc(1)] = 8, 8
	s.ends(want)
	// What had its turn before and was not yet on its way, one for each connection, may come with what has its turn now.
	for _, wrong := range s.api.Judge(mockapi.Rules{Rate: 40, Burst: 5, Haste: 4 * time.Second / 40}) {
		t.Error(wrong)
	}
	s.stop()
}

// TestWithTooFewOpenFilesNothingIsLost: whatever the agent cannot open for that, no export counts as taken that was not.
func TestWithTooFewOpenFilesNothingIsLost(t *testing.T) { // P11, I11
	t.Parallel()
	s := newShop(t, "", "    after: delete\n")
	const tooMany = "too many open files"
	last := int64(0)
	for limit := 6; limit <= 30; limit += 2 {
		last++
		export := fmt.Sprintf("stock-%d.csv", last)
		s.drop(export, row(0, last), row(int(last), last))
		run := s.command("run")
		s.cmd = exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit)}, run.Args...)...)
		s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
		if err := s.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmd, exited := s.cmd, make(chan error, 1)
		s.exited = exited
		go func() { exited <- cmd.Wait() }()
		name, said := s.path("in/"+export), strings.Count(s.log.String(), tooMany)
		for end := time.Now().Add(patience); ; {
			if _, err := os.Stat(name); os.IsNotExist(err) || strings.Count(s.log.String(), tooMany) > said {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("with %d open files it neither takes the export nor says why not", limit)
			}
			select {
			case err := <-exited:
				exited <- err
			case <-time.After(5 * time.Millisecond):
				continue
			}
			break
		}
		s.kill()
	}
	if !strings.Contains(s.log.String(), tooMany) {
		t.Error("no limit was reached")
	}
	s.start()
	want := map[string]int64{upc(0): last}
	for n := range last {
		want[upc(int(n+1))] = n + 1
	}
	s.ends(want)
	s.stop()
}
