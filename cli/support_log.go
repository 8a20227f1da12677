package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"tillpost/agent"
	"tillpost/config"
)

// logText is the end of the log: of its file and those put aside, else of the journal, else what the running agent still has of it.
func (p *parcel) logText(ctx context.Context) (string, error) {
	file := p.logFile
	if file == "" && p.dataDir != "" {
		file = filepath.Join(p.dataDir, "logs", "tillpost.log") // as Windows' service does
	}
	if file != "" {
		text, err := endOfLog(file)
		if text != "" || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	text, err := journal(ctx)
	if text != "" {
		return text, err
	}
	if lines := p.logTail(ctx); len(lines) > 0 {
		return strings.Join(lines, "\n") + "\n", nil
	}
	return "", errors.Join(errors.New("no log was found: `log.file` in the config names none that is there"), err)
}

// logTail is what the running agent still has of its log; nothing where none answers.
func (p *parcel) logTail(ctx context.Context) []string {
	d, err := agent.DialDesk(ctx, &config.Config{DataDir: p.dataDir})
	if err != nil {
		return nil
	}
	defer d.Close() // a running agent's: there is nothing to lose
	lines, err := d.LogTail(ctx)
	if err != nil {
		return nil
	}
	return lines
}

// endOfLog is the end of a log's file, and of those put aside before it where it is short. It begins with a whole line, so
// that no secret is in it by half.
func endOfLog(path string) (string, error) {
	l := logFile{path: path}
	numbers, err := l.numbers()
	if err != nil {
		return "", err
	}
	names := []string{path}
	for _, n := range slices.Backward(numbers) {
		names = append(names, l.numbered(n))
	}
	text, errs := []byte(nil), error(nil)
	for _, name := range names {
		room := logPart - len(text)
		if room <= 0 {
			break
		}
		part, whole, err := endOf(name, room)
		errs = errors.Join(errs, err)
		text = append(part, text...)
		if !whole {
			break
		}
	}
	return string(text), errs
}

// endOf reads the end of a file, from the first line that begins in its last bytes.
func endOf(path string, most int) (text []byte, whole bool, err error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !about.Mode().IsRegular() { // opening a FIFO would wait for its writer
		return nil, false, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close() // it was only read
	from := max(0, about.Size()-int64(most))
	text, err = io.ReadAll(io.NewSectionReader(f, from, int64(most)))
	if from == 0 {
		return text, true, err
	}
	return text[bytes.IndexByte(text, '\n')+1:], false, err
}

// journal is what systemd keeps of what the service has said; "" where there is no systemd.
func journal(ctx context.Context) (string, error) {
	program, err := exec.LookPath("journalctl")
	if err != nil {
		return "", nil
	}
	out, err := exec.CommandContext(ctx, program, "-u", "tillpost", "-n", "5000", "--no-pager", "--quiet").Output()
	if err != nil {
		return "", fmt.Errorf("ask journalctl: %w", err)
	}
	if over := len(out) - logPart; over > 0 {
		out = out[over:]
		out = out[bytes.IndexByte(out, '\n')+1:]
	}
	return string(out), nil
}
