package outbox_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/outbox"
)

var powerCuts = flag.Int("powercuts", usual.cuts, "how many power cuts the outbox is to survive in each test of them")

// survives opens what a power cut has left in dir, and tells what is lost of what the writer has said.
func survives(dir, said string) error {
	told := map[string]int64{}
	for line := range strings.Lines(said) {
		listen(told, line)
	}
	box, err := outbox.Open(dir, outbox.Options{NoSync: true})
	if err != nil {
		return err
	}
	lost, err := box.Resume(context.Background())
	if err == nil && len(lost) > 0 {
		err = fmt.Errorf("exports were lost: %+v", lost)
	}
	complaints := append(lostOf(box, told), err, box.Check())
	if !box.OfThisTime() {
		complaints = append(complaints, errors.New("the ledger would not be trusted"))
	}
	return errors.Join(append(complaints, box.Close())...)
}

// cutPower lets the power go n times at random calls of a trace, from the first to the last, and tells how often that was
// not survived, and an example.
func cutPower(t *testing.T, x *trace, first, last, n int, survives func(dir, said string) error) (bad int, example error) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d, %d calls", seed, last-first)
	top := t.TempDir()
	var wait sync.WaitGroup
	var mu sync.Mutex
	for worker := range 2 {
		wait.Go(func() {
			for i := worker; i < n; i += 2 {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				k, how := first+r.IntN(last-first+1), cut(i/2)%cuts
				dir := filepath.Join(top, fmt.Sprint(i))
				err := x.power(dir, k, how, r)
				if err == nil {
					if err = survives(dir, x.said(k)); err != nil {
						err = fmt.Errorf("cut %d, before call %d, kind %d: %w", i, k, how, err)
					}
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Error(err)
				}
				if err != nil {
					mu.Lock()
					bad, example = bad+1, err
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return bad, example
}

// firstSaid is the first call that says something.
func (x *trace) firstSaid() int {
	for i, op := range x.ops {
		if op.what == "say" {
			return i
		}
	}
	return len(x.ops)
}

func TestAPowerCutLosesNothingThatWasSaid(t *testing.T) { // D1, I11, I12
	t.Parallel()
	dir := t.TempDir()
	x := runTraced(t, dir, writerEnv+"="+dir, writerExports+"=6")
	if bad, err := cutPower(t, x, 0, len(x.ops), *powerCuts, survives); bad > 0 {
		t.Errorf("%d of %d power cuts lost something, such as: %v", bad, *powerCuts, err)
	}
}

func TestAPowerCutDuringTheFirstCreationLeavesAFolderThatCanBeBegunIn(t *testing.T) { // D2, B6
	t.Parallel()
	dir := t.TempDir()
	x := runTraced(t, dir, writerEnv+"="+dir, writerExports+"=1")
	if bad, err := cutPower(t, x, 0, x.firstSaid(), *powerCuts, survives); bad > 0 {
		t.Errorf("%d of %d power cuts are not recovered from, such as: %v", bad, *powerCuts, err)
	}
}

func TestAPowerCutWhileTheFileIsMadeSmallerLosesNothing(t *testing.T) { // D12, B10
	t.Parallel()
	dir := t.TempDir()
	bloat(t, dir, 4000)
	x := runTraced(t, dir, writerEnv+"="+dir, writerExports+"=0")
	renamed := false
	for _, op := range x.ops {
		renamed = renamed || op.what == "rename" && op.to == "outbox.db"
	}
	if !renamed {
		t.Fatal("the file was not made smaller")
	}
	bad, err := cutPower(t, x, 0, len(x.ops), *powerCuts/5, func(dir, _ string) error {
		box, err := outbox.Open(dir, outbox.Options{NoSync: true})
		if err != nil {
			return err
		}
		err = box.Check()
		if s, serr := box.Stats(); serr != nil || s.Pending != 2 || s.Delivered != 1 || !box.OfThisTime() {
			err = errors.Join(err, serr, fmt.Errorf("got %+v, want 2 pending and 1 delivered", s.Counters))
		}
		return errors.Join(err, box.Close())
	})
	if bad > 0 {
		t.Errorf("%d power cuts lost something, such as: %v", bad, err)
	}
}

// survivorEnv makes the test binary look whether the folder that it names survives; what was said is its standard input.
const survivorEnv = "TILLPOST_TEST_OUTBOX_SURVIVOR"

// survive is that process: some damage takes the whole process with it (B4).
func survive(dir string) {
	debug.SetMaxStack(32 << 20)
	said, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = survives(dir, string(said))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestThePowerCutsFindWhatIsNotDurable(t *testing.T) { // the control of D1: without fsync they must find losses
	t.Parallel()
	dir := t.TempDir()
	x := runTraced(t, dir, writerEnv+"="+dir, writerExports+"=3", writerNoSync+"=1")
	const n = 60
	bad, _ := cutPower(t, x, x.firstSaid(), len(x.ops), n, func(dir, said string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env, cmd.Stdin = append(os.Environ(), survivorEnv+"="+dir), strings.NewReader(said)
		return cmd.Run()
	})
	t.Logf("%d of %d power cuts lost something", bad, n)
	if bad < n/4 {
		t.Errorf("only %d of %d power cuts lost something: the test is blind", bad, n)
	}
}

func init() { helpers[survivorEnv] = survive }
