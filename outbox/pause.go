package outbox

import (
	"os"
	"path/filepath"
)

// pausedName is the file that lies beside the outbox while sending is paused by command: so the pause outlives a file that
// is damaged, or gone.
const pausedName = "outbox.paused"

// Pause stops the drain, or lets it go on, over restarts. The outbox only keeps the word: the agent obeys it.
func (o *Outbox) Pause(paused bool) error {
	path := filepath.Join(o.dir, pausedName)
	if paused {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
		if err == nil {
			_ = closeFile(f, !o.opts.NoSync) // the file of the outbox says so too
		}
	}
	err := o.update(func(t *txn) error {
		t.state.Paused = paused
		return nil
	})
	if err == nil && !paused {
		_ = os.Remove(path) // one that stays counts only where the outbox is lost
	}
	return err
}

// wasPaused reports whether the outbox that lay in dir was paused by command.
func wasPaused(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, pausedName))
	return err == nil
}
