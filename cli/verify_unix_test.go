//go:build unix

package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/outbox"
)

// program writes a program that stands in for the one that verifies.
func program(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlyWhatTheVerifierFoundIsDamage(t *testing.T) { // B4: a healthy outbox is never set aside
	t.Parallel()
	for name, c := range map[string]struct {
		program string // lines of a shell; "" = there is none
		damaged bool
		err     error
	}{
		"in order":                 {program: `echo '{"keys":3}'`},
		"damaged":                  {program: `echo '{"keys":0,"faults":["damaged: page 7"]}'; exit 10`, damaged: true},
		"a stack that overflows":   {program: `echo 'fatal error: stack overflow' >&2; exit 2`, damaged: true},
		"a panic":                  {program: `printf 'before\npanic: page 7 already freed\n' >&2; exit 2`, damaged: true},
		"in use":                   {program: `exit 11`, err: outbox.ErrInUse},
		"a newer one":              {program: `exit 12`, err: outbox.ErrNewer},
		"killed":                   {program: `kill -9 $$`, err: errAny},
		"told to end":              {program: `kill -15 $$`, err: errAny},
		"a bus error":              {program: `kill -7 $$`, err: errAny},
		"too little memory":        {program: `echo 'fatal error: runtime: out of memory' >&2; exit 2`, err: errAny},
		"wrong usage":              {program: `echo 'tillpost: error: unknown command' >&2; exit 2`, err: errAny},
		"it failed":                {program: `echo 'tillpost: error: input/output error' >&2; exit 1`, err: errAny},
		"hangs":                    {program: `exec sleep 100`, err: context.DeadlineExceeded},
		"not there":                {err: errAny},
		"says nothing":             {program: `exit 10`, err: errAny},
		"says other than its exit": {program: `echo '{"keys":3}'; exit 10`, err: errAny},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "/nowhere/tillpost"
			if c.program != "" {
				path = program(t, c.program)
			}
			limit := time.Minute
			if c.err == context.DeadlineExceeded {
				limit = 200 * time.Millisecond
			}
			v, err := verifyBy(t.Context(), path, t.TempDir(), limit)
			if (len(v.Faults) > 0) != c.damaged || (err != nil) != (c.err != nil) {
				t.Fatalf("got %+v, %v", v, err)
			}
			if c.err != nil && c.err != errAny && c.err != context.DeadlineExceeded && !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
		})
	}
}

// errAny stands for an error that nobody branches on.
var errAny = errors.New("any")
