package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"tillpost/config"
	"tillpost/mockapi"
)

func newPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close() // a test may have closed it
		_ = w.Close()
	})
	return r, w
}

// withoutWaiting fails the test unless do comes to its end soon.
func withoutWaiting(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		t.Fatalf("%s still waits", what)
	}
}

func TestTheLogNeverWaitsForItsReader(t *testing.T) {
	t.Parallel()
	r, w := newPipe(t)
	con := newConsole(io.Discard, w)
	log := con.logger(config.Log{Level: "info", Format: "json"}, nil)
	const lines = 30_000 // some 3 MB
	withoutWaiting(t, "the log", func() {
		for i := range lines {
			log.Info("an export was taken in and what changed is accepted", "line", i)
		}
		for range 5 {
			con.behind.flush()
		}
	})

	// Once somebody reads, all is there but what is told to be lost, and whole.
	got := make(chan string, lines+1)
	go func() {
		defer close(got)
		for s := bufio.NewScanner(r); s.Scan(); {
			got <- s.Text()
		}
	}()
	read, lost := 0, 0
	for lost == 0 {
		line := <-got
		if n, err := fmt.Sscanf(afterMessage(line), `"log lines were lost: they could not be written in time","lines":%d}`, &lost); n == 1 && err == nil {
			break
		}
		if want := fmt.Sprintf(`"line":%d}`, read); !strings.HasSuffix(line, want) {
			t.Fatalf("line %d: got %q, want %q at its end", read, line, want)
		}
		read++
	}
	if read+lost != lines || lost == 0 {
		t.Errorf("got %d lines and %d that were lost, want %d together", read, lost, lines)
	}
	log.Info("later")
	if line := <-got; !strings.Contains(line, `"msg":"later"`) {
		t.Errorf("got %q after that, want what was logged later", line)
	}
}

func afterMessage(line string) string {
	_, rest, _ := strings.Cut(line, `"msg":`)
	return rest
}

func TestALogWithoutAReaderIsNoTrouble(t *testing.T) { // P14
	t.Parallel()
	r, w := newPipe(t)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b := newBacklog(w)
	for range 3 {
		if n, err := io.WriteString(b, "a line\n"); n != 7 || err != nil {
			t.Errorf("got %d, %v; want 7 and no error", n, err)
		}
		withoutWaiting(t, "the flush", b.flush)
	}
}

// recovering is a disk that is full at first.
type recovering struct {
	bytes.Buffer
	full int // writes that fail
}

func (r *recovering) Write(p []byte) (int, error) {
	if r.full--; r.full >= 0 {
		return 0, io.ErrShortWrite
	}
	return r.Buffer.Write(p)
}

func TestLinesThatCouldNotBeWrittenAreCounted(t *testing.T) {
	t.Parallel()
	w := &recovering{full: 2}
	b := newBacklog(w)
	for _, text := range []string{"one\n", "two\nthree\n", "four\n"} {
		_, _ = io.WriteString(b, text) // it never fails
		b.flush()
	}
	if want := "four\ntillpost: warning: lines that could not be written in time: 3\n"; w.String() != want {
		t.Errorf("got %q, want %q", w.String(), want)
	}
}

// stuck is a stderr that takes nothing, as a console does in which somebody marks text.
type stuck chan struct{}

func (s stuck) Write(p []byte) (int, error) {
	<-s
	return len(p), nil
}

func TestCommandsComeToTheirEndThoughStderrIsStuck(t *testing.T) {
	t.Parallel()
	end := make(stuck)
	t.Cleanup(func() { close(end) })
	s := newStore(t, mockapi.Options{})
	s.write("pos/stock.csv", "Store,UPC,Qty\n3,849632048260,12\n3,849632040011,1O\n")
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"sync", "--config", s.config}, statusPartial},
		{[]string{"nonsense"}, statusUsage},
	} {
		t.Run(test.args[0], func(t *testing.T) {
			t.Parallel()
			withoutWaiting(t, test.args[0], func() {
				if got := execute(t.Context(), test.args, io.Discard, end); got != test.want {
					t.Errorf("got %d, want %d", got, test.want)
				}
			})
		})
	}
}
