package installer

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatFailsIsTakenBackTheLastFirst(t *testing.T) {
	t.Parallel()
	var done []int
	u := &undoing{}
	for i := range 3 {
		u.add(func() error {
			done = append(done, i)
			if i == 1 {
				return errors.New("stuck")
			}
			return nil
		})
	}
	why := errors.New("why it failed")
	err := u.back(why)
	if !slices.Equal(done, []int{2, 1, 0}) || !errors.Is(err, why) || err.Error() != "why it failed\ntake back what was done: stuck" {
		t.Errorf("got %v and %q, want all of it, the last first, and both errors", done, err)
	}
}

func TestWaitingEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, asked := time.Now(), 0
		ok, err := until(t.Context(), time.Minute, func() (bool, error) { asked++; return false, nil })
		if took := time.Since(began); ok || err != nil || took != time.Minute || asked < 200 {
			t.Errorf("got %v, %v after %v and %d questions, want no within a minute", ok, err, took, asked)
		}
		ok, err = until(t.Context(), time.Minute, func() (bool, error) { return time.Since(began) > 61*time.Second, nil })
		if !ok || err != nil {
			t.Errorf("got %v, %v; want yes", ok, err)
		}
		why := errors.New("broken")
		if _, err = until(t.Context(), time.Minute, func() (bool, error) { return false, why }); !errors.Is(err, why) {
			t.Errorf("got %v, want the error at once", err)
		}
	})
}

func TestPurgingRemovesWhatIsNamedAndNoMore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"data/outbox.db", "data/held/1.export", "etc/tillpost.yaml", "pos/stock.csv", "mixed/somebody's"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	p := Purging{
		Trees:   []string{filepath.Join(dir, "data", "held")},
		Files:   []string{filepath.Join(dir, "data", "outbox.db"), filepath.Join(dir, "etc", "tillpost.yaml"), filepath.Join(dir, "none")},
		Folders: []string{filepath.Join(dir, "data"), filepath.Join(dir, "etc"), filepath.Join(dir, "mixed"), filepath.Join(dir, "none")},
	}
	for range 2 { // the second time there is nothing left to do
		if err := purge(p, func(string, ...any) { told++ }); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || !slices.Equal(left, []string{filepath.Join(dir, "mixed"), filepath.Join(dir, "pos")}) || told != 5 {
		t.Errorf("got %v, %v and %d lines; want the folders left that are somebody's, and 5", left, err, told)
	}
}

func TestTwoProgramsAreTheSameByTheirBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, size int, last byte) string {
		path := filepath.Join(dir, name)
		data := make([]byte, size)
		if size > 0 {
			data[size-1] = last
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const block = 64 << 10
	for _, size := range []int{0, 1, block, block + 1, 3 * block} {
		a, same := write("a", size, 1), write("b", size, 1)
		if got, err := sameContent(a, same); !got || err != nil {
			t.Errorf("%d bytes: got %v, %v; want the same", size, got, err)
		}
		longer := write("c", size+1, 0)
		if got, err := sameContent(a, longer); got || err != nil {
			t.Errorf("%d bytes and one more: got %v, %v; want another", size, got, err)
		}
		if size == 0 {
			continue
		}
		if got, err := sameContent(a, write("d", size, 2)); got || err != nil {
			t.Errorf("%d bytes with another last one: got %v, %v; want another", size, got, err)
		}
	}
	if got, err := sameContent(write("a", 1, 1), filepath.Join(dir, "none")); got || err != nil {
		t.Errorf("got %v, %v of a file that is not there; want another", got, err)
	}
}

func TestAnOlderProgramTakesNoNewerOnesPlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		said, ours string
		newer      bool
	}{
		{`{"version":"1.10.0"}`, "1.9.9", true},
		{`{"version":"1.9.9"}`, "1.10.0", false},
		{`{"version":"1.9.9"}`, "1.9.9", false},
		{`{"version":"dev"}`, "1.9.9", false},
		{`{"version":"1.10.0"}`, "dev", false},
		{"no answer", "1.9.9", false},
	} {
		program := filepath.Join(t.TempDir(), "there")
		if runtime.GOOS == "windows" {
			program += ".cmd"
		}
		text := "#!/bin/sh\necho '" + test.said + "'\n"
		if runtime.GOOS == "windows" {
			text = "@echo " + test.said + "\r\n"
		}
		if err := os.WriteFile(program, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		err := NotOlder(t.Context(), test.ours, program)
		if _, newer := errors.AsType[*NewerError](err); newer != test.newer || err != nil && !newer {
			t.Errorf("%s in the place of %s: got %v, want newer %v", test.ours, test.said, err, test.newer)
		}
	}
	if err := NotOlder(t.Context(), "1.0.0", filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("got %v where there is none", err)
	}
}
