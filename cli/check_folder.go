package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/outbox"
	"tillpost/watcher"
)

// place is a folder, or where it would be made.
type place struct {
	nearest string // the folder itself, or the nearest one above it that exists
	err     error  // why it is no folder that can be used
	outbox.Disk
	diskErr  error
	writeErr error // why nothing can be written there, where that was tried
}

// placeOf looks at the folder dir; with write it is tried out.
func placeOf(dir string, write bool) (p place) {
	for p.nearest = dir; ; p.nearest = filepath.Dir(p.nearest) {
		about, err := os.Stat(p.nearest)
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(p.nearest) != p.nearest {
			continue
		}
		if err == nil && !about.IsDir() {
			err = fmt.Errorf("%s is not a folder", p.nearest)
		}
		p.err = err
		break
	}
	if p.Disk, p.diskErr = outbox.DiskOf(p.nearest); p.err == nil && write {
		p.writeErr = tryWriting(p.nearest)
	}
	return p
}

// tryWriting makes a file in a folder and removes it. Its name is none that an export has.
func tryWriting(dir string) error {
	f, err := os.CreateTemp(dir, ".tillpost-check-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096)) // a full disk has room for names
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// folder is what one look at a source's folder found.
type folder struct {
	watcher.Look
	place            // but for its err
	archiveErr error // why nothing can be archived
	err        error // why it could not be looked at
}

// folderOf looks at a source's folder; with write it is tried whether exports can be put away.
func folderOf(s config.Source, write bool) (f folder) {
	w, err := watcher.New(watcher.Options{Folder: s.Folder, Files: s.Files, Recursive: s.Recursive, Exclude: []string{s.Archive.Folder},
		Settle: s.Settle, SettleLast: s.SettleLast, Rescan: s.Rescan, Ready: s.Ready, NoNotify: true})
	if err != nil {
		return folder{err: err}
	}
	if f.Look = w.Peek(); f.Missing != "" {
		return folder{err: whyMissing(s.Folder, f.Missing)}
	}
	f.place = placeOf(s.Folder, write && s.After != "keep")
	if write && s.After == "archive" {
		archive := placeOf(s.Archive.Folder, true)
		f.archiveErr = cmp.Or(archive.err, archive.writeErr)
	}
	return f
}

// whyMissing is why a folder cannot be read, of which a look has told the words.
func whyMissing(dir, words string) error {
	d, err := os.Stat(dir)
	if err == nil && d.IsDir() {
		_, err = os.ReadDir(dir)
	}
	if err == nil {
		err = errors.New(words)
	}
	return err
}

// source looks at a source's folder and its newest export.
func (u *checkup) source(ctx context.Context, s config.Source) {
	var told *agent.SourceStatus // by the running agent, whose account is what counts, or from the data folder
	if u.status != nil {
		for _, one := range u.status.Sources {
			if one.Name == s.Name {
				told = &one
			}
		}
	}
	running := u.running()
	f, ok := within(ctx, fileTime, func(context.Context) folder { return folderOf(s, !running) })
	if !ok {
		f.err = fmt.Errorf("%w within %v", errSilent, fileTime)
	}
	if running {
		u.tell(ctx, "folder", s.Name, u.folderOfAgent(s, f, told))
	} else {
		u.tell(ctx, "folder", s.Name, u.folderFound(s, f, told))
	}
	u.newest(ctx, s, f, told)
}

// folderOfAgent is what is found about the folder of a running agent's source.
func (u *checkup) folderOfAgent(s config.Source, f folder, told *agent.SourceStatus) finding {
	switch {
	case told == nil:
		return warning("start the agent again: it takes up the config then", "%s: the running agent does not know this source yet", s.Folder)
	case told.State != "ok" && told.State != "starting":
		do := folderToDo(f.err)
		if f.err == nil {
			do = sourceHint(u.conf, *told)
		}
		return failure(do, "%s: the running agent says: %s", s.Folder, strings.TrimSuffix(told.State+": "+told.Problem, ": "))
	case f.err != nil:
		return fine("%s: the running agent reads it, though %s cannot: %s", s.Folder, u.account, reason(f.err))
	}
	return u.filesFound(s, f, told)
}

// folderFound is what is found about the folder of a source that no agent watches.
func (u *checkup) folderFound(s config.Source, f folder, told *agent.SourceStatus) finding {
	switch {
	case f.err != nil:
		return failure(folderToDo(f.err), "%s: %s", s.Folder, reason(f.err))
	case f.writeErr != nil:
		return failure(u.mayWrite(f.writeErr), "%s: `after: %s` needs to write there, which %s cannot: %s", s.Folder, s.After, u.account, reason(f.writeErr))
	case f.archiveErr != nil:
		return failure(u.mayWrite(f.archiveErr), "%s: nothing can be archived in %s: %s", s.Folder, s.Archive.Folder, reason(f.archiveErr))
	case f.Mapped != "":
		return warning(`write it as \\server\share\folder ("net use" shows what the letter stands for): a service does not see the drive letters of a person's session`,
			"%s: the drive %s is a network share%s", s.Folder, f.Mapped, unc(f))
	case f.Share != "" && u.asComputer():
		return warning("start the service and look at `tillpost status`; if it may not read the share, let that computer's account read it (in a domain, its name and $), or give the service an account that may: docs/install-windows.md",
			"%s: on a network share, which the service opens as this computer and not as a person", s.Folder)
	}
	return u.filesFound(s, f, told)
}

// unc is the path that a mapped drive stands for, where the system tells it.
func unc(f folder) string {
	share := shareOf(f.Mapped)
	if share == "" {
		return ""
	}
	return ", " + share
}

// errSilent is what is wrong with a share that lets one wait.
var errSilent = errors.New("no answer")

// folderToDo is what to do about a folder that cannot be looked at.
func folderToDo(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "make the folder, or write the right one as `folder`; the agent waits for it"
	case errors.Is(err, fs.ErrPermission):
		return "give the account that tillpost runs as the right to read it"
	case errors.Is(err, errSilent):
		return "look whether the computer that shares it is on and can be reached"
	}
	return "look whether it is the right folder, and whether its disk or share is there"
}

// filesFound is what is found about the files of a folder that can be read.
func (u *checkup) filesFound(s config.Source, f folder, told *agent.SourceStatus) finding {
	where := s.Folder + " on this computer"
	if f.Share != "" {
		where = s.Folder + " on a network share"
		if f.Share != s.Folder {
			where += " (" + f.Share + ")"
		}
	}
	if len(f.Skipped) > 0 {
		one := f.Skipped[0]
		where += fmt.Sprintf("; left alone: %s: %s", one.Name, one.Why)
		if more := len(f.Skipped) - 1; more > 0 {
			where += fmt.Sprintf(" (and %s more)", number(more))
		}
	}
	if len(f.Files) == 0 {
		return nothingThere(s, f, told, where)
	}
	newest := f.Files[len(f.Files)-1]
	age := f.At.Sub(newest.ModTime())
	if age < -maxAhead {
		return warning("set the clock of the computer that writes it, or of this one", "%s: %s is dated %s in the future", where, newest.Name, span(-age))
	}
	return fine("%s: %s, the newest, %s, written %s ago", where, plural(len(f.Files), "export"), newest.Name, span(max(0, age)))
}

// maxAhead is how far in the future a file may be dated before it is worth a word.
const maxAhead = 5 * time.Minute

// nothingThere is what is found about a folder without an export.
func nothingThere(s config.Source, f folder, told *agent.SourceStatus, where string) finding {
	switch {
	case f.Waiting > 0:
		return warning("let the POS write it beside each export, or take `ready` out of the config",
			"%s: %s without the trigger file %s", where, plural(f.Waiting, "file"), s.Ready)
	case told != nil && told.LastExport != nil:
		return fine("%s: no export waits there", where)
	}
	return warning("let the POS write an export; if it has written one, look at `folder` and `files`",
		"%s: there is no file that %s is for", where, strings.Join(s.Files, ", "))
}
