package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// store is a computer in a store: a folder with a config, and the real agent.
type store struct {
	b      *bench
	dir    string
	before []string // what the agent is started by, such as strace; empty = by nothing

	cmd   *exec.Cmd
	taken chan taken
	wait  sync.WaitGroup // the log's reader
	tail  []string       // what it complained of; to be read once it has ended
	ended chan struct{}  // closed at the log's end
}

// taken is what the log said of an export, and when it said so.
type taken struct {
	took      time.Duration
	at        time.Time
	rows, new string
	unchanged string
}

// setup is what is not usual in a store's config.
type setup struct {
	api     string // more lines of the section
	source  string // of the source
	sources string // in the place of the usual source
	status  string // its address; "" = off
}

// newStore makes a store whose API is the sink.
func (b *bench) newStore(s setup) (*store, error) {
	b.stores++
	st := &store{b: b, dir: filepath.Join(b.dir, fmt.Sprintf("store-%d", b.stores))}
	sources := s.sources
	if sources == "" {
		sources = "  - name: main\n    folder: in\n    settle_last: 0s\n    guard: \"off\"\n" + s.source
		if !strings.Contains(s.source, "settle:") {
			sources += "    settle: 0s\n"
		}
	}
	if !strings.Contains(s.api, "concurrency:") {
		s.api += "  concurrency: 8\n"
	}
	text := fmt.Sprintf("api:\n  url: %s\n  token_file: token\n  rate: unlimited\n%sdata_dir: data\nstatus: {listen: %q}\nsources:\n%s",
		b.sink.URL, s.api, cmp.Or(s.status, "off"), sources)
	return st, errors.Join(os.MkdirAll(st.path("in"), 0o700), os.WriteFile(st.path("tillpost.yaml"), []byte(text), 0o600),
		os.WriteFile(st.path("token"), []byte(token+"\n"), 0o600))
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// remove ends the agent and takes the store away.
func (s *store) remove() error { return errors.Join(s.kill(), os.RemoveAll(s.dir)) }

// start starts the agent and waits until it has dealt with what is there; it returns how long that took.
func (s *store) start(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := s.launch(ctx); err != nil {
		return 0, err
	}
	err := until(ctx, "the agent serves commands", 2*time.Millisecond, func() (bool, error) {
		text, err := os.ReadFile(s.path("data/agent.json"))
		var card struct{ PID int }
		return err == nil && json.Unmarshal(text, &card) == nil && card.PID == s.pid(), s.alive()
	})
	if err != nil {
		return 0, s.explain(err)
	}
	return time.Since(began), nil
}

// launch starts the agent.
func (s *store) launch(ctx context.Context) error {
	args := append(append([]string{}, s.before...), s.b.binary, "run", "--config", s.path("tillpost.yaml"))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	log, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.taken, s.ended, s.tail = cmd, make(chan taken, 1000), make(chan struct{}), nil
	s.wait.Go(func() { s.read(bufio.NewScanner(log)) })
	return nil
}

var (
	takenLine = regexp.MustCompile(`msg="export taken".* rows=(\d+) new=(\d+) .* unchanged=(\d+) .*took=(\S+)`)
	troubles  = regexp.MustCompile(`level=(WARN|ERROR)`)
)

// read follows the log to its end.
func (s *store) read(log *bufio.Scanner) {
	log.Buffer(nil, 1<<20)
	for log.Scan() {
		line := log.Text()
		if m := takenLine.FindStringSubmatch(line); m != nil {
			if d, err := time.ParseDuration(m[4]); err == nil {
				s.taken <- taken{took: d, at: time.Now(), rows: m[1], new: m[2], unchanged: m[3]}
			}
		} else if len(s.tail) < 50 && (troubles.MatchString(line) || !strings.HasPrefix(line, "time=")) {
			s.tail = append(s.tail, line)
		}
	}
	close(s.ended)
}

// pid is the agent's, also where something else has started it in its own place.
func (s *store) pid() int { return s.cmd.Process.Pid }

// alive says what is wrong where the agent has ended.
func (s *store) alive() error {
	select {
	case <-s.ended:
		return errors.New("the agent has ended by itself")
	default:
		return nil
	}
}

// stop ends the agent as a service manager does.
func (s *store) stop() error {
	if s.cmd == nil {
		return nil
	}
	err := s.cmd.Process.Signal(os.Interrupt)
	s.wait.Wait()
	if err = errors.Join(err, s.cmd.Wait()); err != nil {
		err = s.explain(fmt.Errorf("the agent ended with: %w", err))
	}
	s.cmd = nil
	return err
}

// kill ends the agent as a power cut does, but for the disk. It may have ended before.
func (s *store) kill() error {
	if s.cmd == nil {
		return nil
	}
	err := s.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	s.wait.Wait()
	_ = s.cmd.Wait() // that it was killed
	s.cmd = nil
	return err
}

// explain adds what the agent complained of. The log has ended, or nobody writes to it.
func (s *store) explain(err error) error {
	killed := s.kill()
	return errors.Join(fmt.Errorf("%w\n%s", err, strings.Join(s.tail, "\n")), killed)
}

// command runs another command of tillpost.
func (s *store) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.b.binary, append(args, "--config", s.path("tillpost.yaml"))...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("tillpost %s: %w\n%s", args[0], err, errs.Bytes())
	}
	return out, nil
}

// status is what matters of `tillpost status --json`.
type status struct {
	State     string `json:"state"`
	Pending   int64  `json:"pending"`
	InFlight  int64  `json:"in_flight"`
	Dead      int64  `json:"dead"`
	Delivered int64  `json:"delivered"`
	Unchanged int64  `json:"unchanged"`
	Rejects   int64  `json:"rejects"`
	Held      int64  `json:"held"`
	Ready     bool   `json:"ready"`
}

func (s *store) status(ctx context.Context) (st status, err error) {
	out, err := s.command(ctx, "status", "--json")
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(out, &st)
}

// drop puts an export into the folder whole, as its newest one.
func (s *store) drop(file, name string) error {
	now := time.Now()
	return errors.Join(os.Chtimes(file, now, now), os.Link(file, s.path("in/"+name)))
}

// take drops an export and waits until the log says that it was taken. It returns what the log said, and the time that
// went by outside.
func (s *store) take(ctx context.Context, c catalogue, name string) (t taken, wall time.Duration, err error) {
	file, err := s.b.export(c)
	if err != nil {
		return t, 0, err
	}
	began := time.Now()
	if err := s.drop(file, name); err != nil {
		return t, 0, err
	}
	if t, err = s.nextTaken(ctx); err != nil {
		return t, 0, err
	}
	if t.rows != fmt.Sprint(c.Rows) {
		return t, 0, s.explain(fmt.Errorf("%s rows were taken, want %d", t.rows, c.Rows))
	}
	return t, t.at.Sub(began), nil
}

// nextTaken waits for the log's next line of an export that was taken.
func (s *store) nextTaken(ctx context.Context) (taken, error) {
	select {
	case t := <-s.taken:
		return t, nil
	case <-s.ended:
		return taken{}, s.explain(errors.New("the agent has ended before it took the export"))
	case <-time.After(patience):
		return taken{}, s.explain(fmt.Errorf("the export was not taken in %v", patience))
	case <-ctx.Done():
		return taken{}, context.Cause(ctx)
	}
}

// acknowledged waits until the sink has seen every key, then until nothing waits on disk, and checks that each key has the
// catalogue's quantity. It returns the sink's counts at the end.
func (s *store) acknowledged(ctx context.Context, c catalogue, keys int) (seen sinkCount, err error) {
	err = until(ctx, "the sink has seen every key", 20*time.Millisecond, func() (bool, error) {
		seen, err = s.b.sink.count()
		return seen.Keys >= int64(keys), errors.Join(err, s.alive())
	})
	if err != nil {
		return seen, s.explain(err)
	}
	return seen, s.settled(ctx, c)
}

// settled waits until nothing waits, and checks that the sink knows the truth.
func (s *store) settled(ctx context.Context, c catalogue) error {
	var st status
	err := until(ctx, "all is acknowledged on disk", 20*time.Millisecond, func() (bool, error) {
		var err error
		st, err = s.status(ctx)
		return st.Pending == 0, err
	})
	if err != nil {
		return s.explain(err)
	}
	wrong, err := s.b.sink.wrong(c)
	if err != nil {
		return err
	}
	if wrong != 0 || st.Dead != 0 || st.Rejects != 0 || st.Held != 0 {
		return fmt.Errorf("the sink has %d wrong quantities, and the status is %+v", wrong, st)
	}
	return nil
}
