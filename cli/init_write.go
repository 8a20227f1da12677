package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// confirm asks before anything is written.
func (s *setup) confirm(ctx context.Context) error {
	if s.ask == nil {
		return nil
	}
	const write, stop = "write", "stop"
	about := s.draft.path
	if s.exists {
		about += "; the one of before stays beside it as a copy"
	}
	answer, err := s.ask.choose(ctx, question{"That is all. Write the config?", about}, []option{{"yes, write it", write}, {"no, stop here", stop}}, write)
	if err == nil && answer == stop {
		err = errLeft
	}
	return err
}

// write stores the token, keeps the config of before, and writes the new one, which is read once more before that.
func (s *setup) write(context.Context) error {
	c, err := s.draft.config()
	if err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	if _, err := os.Stat(s.draft.path); !s.exists && err == nil {
		return fmt.Errorf("write the config: %s is there now, and was not when this began; it was not touched", s.draft.path)
	}
	if err := makeHomeSafe(filepath.Dir(s.draft.path)); err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	if err := makeFolder(filepath.Dir(s.draft.path)); err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	if s.exists {
		if s.result.Backup, err = keepCopy(s.draft.path, time.Now()); err != nil {
			return fmt.Errorf("keep a copy of the config: %w", err)
		}
	}
	place, err := besideFile(s.draft.path, []byte(s.draft.text())) // before the token: a full disk is noticed here
	if err != nil {
		return errors.Join(fmt.Errorf("write the config: %w", err), s.forgetCopy())
	}
	if s.token != "" {
		if s.kept, err = c.TokenSource().Store([]byte(s.token)); err != nil {
			return errors.Join(err, place(false), s.forgetCopy())
		}
		if given := s.o.tokenFile; given != "" && given != "-" && !sameFile(given, s.kept) {
			s.warn("%s still holds the token, for all who can read that file: delete it", given)
		}
	}
	s.result.Token = s.kept
	if err := place(true); err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	return nil
}

// forgetCopy removes the copy of a config that was not replaced after all.
func (s *setup) forgetCopy() error {
	if s.result.Backup == "" {
		return nil
	}
	return os.Remove(s.result.Backup)
}

// end tells what was written and what comes next.
func (s *setup) end(ctx context.Context) error {
	if s.same {
		s.tell("The config says all that already, and is left as it is: %s\n", plain(s.draft.path))
	} else {
		s.tell("\nThe config is written: %s\n", plain(s.draft.path))
	}
	if s.result.Backup != "" {
		s.tell("The one of before is kept: %s; what else it said of its sources is in there alone.\n", plain(s.result.Backup))
	}
	switch {
	case s.kept == "":
		s.tell("There is no token yet: `tillpost token set` stores it.\n")
	case s.token != "":
		s.tell("The token is stored: %s\n", plain(s.kept))
	}
	if err := s.offerService(ctx); err != nil {
		return err
	}
	if len(s.result.Open) > 0 {
		return errPartial
	}
	return nil
}

// offerService installs the service where that is wanted, and says what else starts tillpost.
func (s *setup) offerService(ctx context.Context) error {
	wanted := s.o.inst
	if s.ask != nil && !wanted {
		const yes, no = "yes", "no"
		answer, err := s.ask.choose(ctx, question{"Install tillpost as a service, which runs whenever this computer does?", ""}, []option{{"yes", yes}, {"not now", no}}, yes)
		if err != nil && !errors.Is(err, errLeft) { // the config is written
			return err
		}
		wanted = answer == yes && err == nil
	}
	if wanted {
		con := s.con
		if s.o.asJSON { // promise 1: what else is said is no JSON
			other := *s.con
			other.out = &output{w: s.con.err}
			con = &other
		}
		return s.install(ctx, con, s.draft.path)
	}
	s.tell("Next: `tillpost check%s` looks whether all is in order; `tillpost install%[1]s` lets it run whenever this computer does.\n", s.configWord())
	return nil
}

// configWord is what a command needs to find the config; "" where it finds it by itself.
func (s *setup) configWord() string {
	if s.o.config == "" {
		return ""
	}
	return " --config " + plain(shellWord(s.draft.path))
}

// makeFolder makes a folder that everybody can look into, whatever the mask of modes is: the service has another account.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if above := filepath.Dir(dir); above != dir {
		if err := makeFolder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// keepCopy copies a file beside itself, under a name with the time in it, and answers that.
func keepCopy(path string, now time.Time) (string, error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close() // it is only read
	about, err := from.Stat()
	if err != nil {
		return "", err
	}
	stem := path + now.Format(".20060102-150405")
	name := stem + ".bak"
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, about.Mode().Perm())
	for n := 2; errors.Is(err, os.ErrExist) && n < 100; n++ {
		name = fmt.Sprintf("%s-%d.bak", stem, n)
		to, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, about.Mode().Perm())
	}
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return "", errors.Join(err, os.Remove(name))
	}
	return name, nil
}

// besideFile writes a file that all can read beside the one at path; place puts it there in one step, or removes it again.
func besideFile(path string, text []byte) (place func(bool) error, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays one
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".tillpost-init-*")
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if err == nil {
		err = likeBefore(f, path)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	return func(there bool) error {
		if !there {
			return os.Remove(f.Name())
		}
		if err := os.Rename(f.Name(), path); err != nil {
			return errors.Join(err, os.Remove(f.Name()))
		}
		return syncFolder(dir)
	}, nil
}

func syncFolder(dir string) error {
	if d, err := os.Open(dir); err == nil { // a power cut may take the new file away, and leaves no half one; Windows syncs no folder
		_ = d.Sync()
		return d.Close()
	}
	return nil
}
