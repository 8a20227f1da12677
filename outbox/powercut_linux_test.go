package outbox_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/powercut"
)

var powerCuts = flag.Int("powercuts", usual.cuts, "how many power cuts the outbox is to survive in each test of them")

// survives opens what a power cut has left in dir, and tells what is lost of what the writer has said.
func survives(_ *testing.T, dir, said string) error {
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

func TestAPowerCutLosesNothingThatWasSaid(t *testing.T) { // D1, I11, I12
	t.Parallel()
	dir := t.TempDir()
	x := powercut.Run(t, dir, nil, writerEnv+"="+dir, writerExports+"=6")
	if bad, err := x.Cut(t, 0, x.Len(), *powerCuts, survives); bad > 0 {
		t.Errorf("%d of %d power cuts lost something, such as: %v", bad, *powerCuts, err)
	}
}

func TestAPowerCutDuringTheFirstCreationLeavesAFolderThatCanBeBegunIn(t *testing.T) { // D2, B6
	t.Parallel()
	dir := t.TempDir()
	x := powercut.Run(t, dir, nil, writerEnv+"="+dir, writerExports+"=1")
	if bad, err := x.Cut(t, 0, x.FirstSaid(), *powerCuts, survives); bad > 0 {
		t.Errorf("%d of %d power cuts are not recovered from, such as: %v", bad, *powerCuts, err)
	}
}

func TestAPowerCutWhileTheFileIsMadeSmallerLosesNothing(t *testing.T) { // D12, B10
	t.Parallel()
	dir := t.TempDir()
	bloat(t, dir, 4000)
	x := powercut.Run(t, dir, nil, writerEnv+"="+dir, writerExports+"=0")
	if !x.Renamed("outbox.db") {
		t.Fatal("the file was not made smaller")
	}
	bad, err := x.Cut(t, 0, x.Len(), *powerCuts/5, func(_ *testing.T, dir, _ string) error {
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

// lostWords are those of lostOf.
var lostWords = regexp.MustCompile("the writer said|taken in part|was acknowledged, got|neither pending nor")

// survivorEnv makes the test binary look whether the folder that it names survives; what was said is its standard input.
const survivorEnv = "TILLPOST_TEST_OUTBOX_SURVIVOR"

// survive is that process: some damage takes the whole process with it (B4).
func survive(dir string) {
	debug.SetMaxStack(32 << 20)
	said, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = survives(nil, dir, string(said))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestThePowerCutsFindWhatIsNotDurable(t *testing.T) { // the control of D1: without fsync they must find losses
	t.Parallel()
	traced := func(env ...string) *powercut.Trace {
		dir := t.TempDir()
		return powercut.Run(t, dir, nil, append(env, writerEnv+"="+dir)...)
	}
	p := &powercut.OwnProcess{Lost: lostWords, Env: func(dir string) []string { return []string{survivorEnv + "=" + dir} }}
	p.MustSee(t, traced(writerExports+"=3", writerNoSync+"=1"), traced(writerExports+"=1"), 200)
}

func init() { helpers[survivorEnv] = survive }
