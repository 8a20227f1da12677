package outbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/outboxtest"
)

func TestWhatWasReadOfTheFileIsNoMemoryOfTheAgentForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		box := outboxtest.Open(t, dir, outbox.Options{NoSync: true})
		for i := range 2 { // after each burst
			outboxtest.Take(t, box, reading(fmt.Sprint(i)), time.Now(), large(20_000, int64(5+i))...)
			used := mappedKB(t, filepath.Join(dir, "outbox.db"))
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if own := mappedKB(t, filepath.Join(dir, "outbox.db")); own > 64 || used < 200 {
				t.Errorf("burst %d: %d KB of the file counted as memory, and then %d; want more than 200, and then hardly any", i, used, own)
			}
		}
		leases, err := box.Turn(nil, 3, time.Now())
		if err != nil || len(leases) != 3 || box.Take(leases[0]) != 6 {
			t.Errorf("got %d leases, %v", len(leases), err)
		}
	})
}

// mappedKB is how much of a file counts as memory of this process.
func mappedKB(t *testing.T, path string) (kb int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	_, own, found := strings.Cut(string(maps), path+"\n")
	_, rss, ok := strings.Cut(own, "\nRss:")
	if err != nil || !found || !ok {
		t.Fatalf("%s is not mapped: %v", path, err)
	}
	if _, err := fmt.Sscan(rss, &kb); err != nil {
		t.Fatal(err)
	}
	return kb
}
