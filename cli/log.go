package cli

import (
	"bytes"
	"io"
	"log/slog"
	"time"

	"tillpost/agent"
	"tillpost/config"
)

// logger logs as the config says: to stderr, or to a file and, while that takes nothing, to stderr. A file that cannot be
// written keeps no agent from its work. v, where it is not nil, gets the newest lines. endLog closes the file, before there is another and at the end.
func (con *console) logger(c config.Log, v *vitals) *slog.Logger {
	con.behind.noteBy(note(c, "log lines were lost: they could not be written in time"))
	tailed := func(w io.Writer) io.Writer {
		if v == nil {
			return w
		}
		return tee{w, v.tail}
	}
	if c.File == "" {
		return newLogger(tailed(con.err), c)
	}
	con.err.tell("the log goes to " + plain(c.File))
	file := newLogSink(c, con.err)
	if v != nil {
		file.taken.tell = func(words string) { v.notes.Note(agent.LogNotWritten, words) }
	}
	con.file = newBacklog(file)
	con.file.noteBy(note(c, "log lines are missing before this one: they went to standard error, or could not be written in time"))
	con.log = newLogger(tailed(con.file), c)
	return con.log
}

// endLog writes into the log's file, if there is one, what a command failed from, and closes it.
func (con *console) endLog(err error) {
	if con.log == nil {
		return
	}
	if err != nil {
		con.log.Error("tillpost failed", "err", errorText(err))
	}
	con.file.close()
	con.log, con.file = nil, nil
}

// note is a line of the log that tells how many are missing.
func note(c config.Log, what string) func(lines int) []byte {
	return func(lines int) []byte {
		var b bytes.Buffer
		newLogger(&b, config.Log{Format: c.Format}).Warn(what, "lines", lines)
		return b.Bytes()
	}
}

// newLogger logs to w as the config says. Both formats escape what does not print, and write a duration alike.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the config knows no such level
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format != "json" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	o.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().String()) // it would be a number of nanoseconds
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(printing{w}, o))
}

// printing writes lines of JSON in which all prints.
type printing struct{ w io.Writer }

func (p printing) Write(line []byte) (int, error) {
	if _, err := p.w.Write(printableJSON(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// logSink writes lines to the log's file, and to stderr what that does not take.
type logSink struct {
	file  *logFile
	err   io.Writer
	taken lasting // whether the file takes what is written
	aside lasting // whether full files are put aside, and those too many removed
}

func newLogSink(c config.Log, stderr io.Writer) *logSink {
	log := newLogger(stderr, config.Log{Format: c.Format}).With("file", c.File)
	return &logSink{
		file: &logFile{path: c.File, max: c.MaxSize, keep: c.Keep}, err: stderr,
		taken: lasting{log: log, begins: "the log file cannot be written; the log goes to standard error until it can", ends: "the log file can be written again"},
		aside: lasting{log: log, begins: "a full log file cannot be put aside, or an old one not removed", ends: "full log files can be put aside again"},
	}
}

// Write passes on the error of the file, so that what is missing in it is told there.
func (s *logSink) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.taken.note(err)
	if err != nil {
		_, _ = s.err.Write(p[n:]) // there is nowhere else
		return n, err
	}
	if s.file.aside != nil {
		s.aside.note(s.file.aside)
	} else {
		s.aside.note(s.file.left)
	}
	return n, nil
}

func (s *logSink) Close() error {
	s.file.close()
	return nil
}

// lasting is a trouble with the log itself: one line when it begins, and one when it ends.
type lasting struct {
	log          *slog.Logger
	begins, ends string
	since        time.Time // zero = there is none
	times        int
	tell         func(words string) // what is wrong, empty = nothing is any more; nil = nobody asks
}

// note takes in how it went this time.
func (t *lasting) note(err error) {
	switch {
	case err != nil && t.since.IsZero():
		t.since, t.times = time.Now(), 1
		if t.tell != nil {
			t.tell(errorText(err))
		}
		t.log.Warn(t.begins, "err", errorText(err))
	case err != nil:
		t.times++
	case !t.since.IsZero():
		t.log.Info(t.ends, "failures", t.times, "lasted", time.Since(t.since).Round(time.Second))
		t.since = time.Time{}
		if t.tell != nil {
			t.tell("")
		}
	}
}
