package powercut

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// keepEnv names a folder where states that were not survived are kept, with what the process had said in said.
const keepEnv = "TILLPOST_TEST_KEEP"

// Cut lets the power go n times at random calls, from the first to the last, each time into a folder of its own, and tells how often
// that was not survived, and an example. What survives looks at gets what the process had said until then.
func (x *Trace) Cut(t *testing.T, first, last, n int, survives func(t *testing.T, dir, said string) error) (bad int, example error) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d, %d calls", seed, last-first)
	top := t.TempDir()
	leave := func(dir string, i int) (k int, err error) {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		k = first + r.IntN(last-first+1)
		return k, x.leave(dir, k, cut(i/2)%cuts, r)
	}
	var mu sync.Mutex
	t.Run("cuts", func(t *testing.T) {
		for worker := range 2 {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for i := worker; i < n; i += 2 {
					dir := filepath.Join(top, fmt.Sprint(i))
					k, err := leave(dir, i)
					if err == nil {
						err = survives(t, dir, x.said(k))
					}
					if err := os.RemoveAll(dir); err != nil {
						t.Error(err)
					}
					if err == nil {
						continue
					}
					mu.Lock()
					bad, example = bad+1, fmt.Errorf("cut %d, before call %d, kind %d: %w", i, k, cut(i/2)%cuts, err)
					mu.Unlock()
					if keep := os.Getenv(keepEnv); keep != "" {
						dir := filepath.Join(keep, fmt.Sprintf("%d-%d", seed, i))
						if _, err := leave(dir, i); err != nil {
							t.Error(err)
						}
						if err := os.WriteFile(filepath.Join(dir, "said"), []byte(x.said(k)), 0o600); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	})
	return bad, example
}

// OwnProcess has this test binary look at states, for some damage takes the whole process with it. It gets what was said as its
// standard input; with another exit code than 0 the state was not survived.
type OwnProcess struct {
	Args []string
	Env  func(dir string) []string
	Lost *regexp.Regexp // what it says where something was lost, and not only cannot be opened

	lost atomic.Int32
}

// Survives is for Cut.
func (p *OwnProcess) Survives(t *testing.T, dir, said string) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], p.Args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), p.Env(dir)...), strings.NewReader(said)
	out, err := cmd.CombinedOutput()
	if p.Lost.Match(out) {
		p.lost.Add(1)
	}
	return err
}

// MustSee looks at a trace without flushes, where cuts must lose something, and at one with them, where they must not: else they say
// nothing of any.
func (p *OwnProcess) MustSee(t *testing.T, without, with *Trace, n int) {
	t.Helper()
	bad, _ := without.Cut(t, without.FirstSaid(), without.Len(), n, p.Survives)
	lost := int(p.lost.Load())
	t.Logf("without flushes %d of %d power cuts are not survived, of which %d have lost something", bad, n, lost)
	if bad < n/4 || lost == 0 {
		t.Errorf("without flushes %d of %d power cuts are not survived, and %d have lost something: the test is blind", bad, n, lost)
	}
	if bad, err := with.Cut(t, 0, with.Len(), 4, p.Survives); bad > 0 {
		t.Errorf("with flushes %d of 4 are not survived: %v", bad, err)
	}
}
