package cli

import (
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
	"tillpost/export"
)

// quiet is a sink for what is only counted.
type quiet struct{}

func (quiet) detected(export.Detected)       {}
func (quiet) update(found)                   {}
func (quiet) reject(int, string)             {}
func (quiet) failed(error, previewSum, bool) {}
func (quiet) summary(previewSum)             {}

// examined is what came of reading an export.
type examined struct {
	how   export.Detected
	sum   previewSum
	err   error // why nothing of it would be taken
	moved bool  // it was written to meanwhile

	figures int // rows with a figure
	zeros   int // of those, that are 0 or less
}

// examine reads the export at path as the agent would, and tells sink of it.
func examine(ctx context.Context, path string, how agent.Reading, sink sink) (e examined) {
	before, err := os.Stat(path)
	if err != nil {
		return examined{err: fmt.Errorf("read the export: %w", err)}
	}
	x := &examination{how: how, sink: sink, shown: func() error { return nil }, progress: func(int64, int64) {}}
	e.err = x.run(ctx, path)
	e.how, e.sum, e.zeros, e.figures = x.detected, x.sum, x.zeros, x.figures
	after, err := os.Stat(path)
	e.moved = err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())
	return e
}

// newest looks at the newest export of a source, as `preview` shows it.
func (u *checkup) newest(ctx context.Context, s config.Source, f folder, told *agent.SourceStatus) {
	if told != nil && told.LastExport != nil && told.LastExport.Held {
		u.tell(ctx, "export", s.Name, warning("`tillpost held list` says more; `tillpost held release` takes it after all, `tillpost held discard` forgets it",
			"the last one, %s, is held: %s", told.LastExport.Name, clip(told.LastExport.Refused, 300)))
		return
	}
	if f.err == nil && len(f.Files) > 0 {
		name := f.Files[len(f.Files)-1].Name
		path, how := filepath.Join(s.Folder, filepath.FromSlash(name)), agent.ReadingOf(s)
		e, ok := within(ctx, exportTime, func(ctx context.Context) examined { return examine(ctx, path, how, quiet{}) })
		if !ok {
			u.tell(ctx, "export", s.Name, failure("look whether the computer that shares it is on, and how large the file is", "%s could not be read within %v", name, exportTime))
			return
		}
		u.tell(ctx, "export", s.Name, u.exportFound(path, name, e))
		return
	}
	if told != nil && told.LastExport != nil {
		u.tell(ctx, "export", s.Name, lastFound(*told.LastExport, time.Now()))
		return
	}
	if f.err != nil {
		u.left = append(u.left, "the export of "+s.Name)
	}
}

// lastFound is what is known of an export that is not there any more.
func lastFound(e agent.ExportInfo, now time.Time) finding {
	if e.Refused != "" {
		return warning("look at how the POS writes it; `tillpost preview` of such a file shows how it is read",
			"the last one, %s, %s ago, was refused: %s", e.Name, span(now.Sub(e.At)), clip(e.Refused, 300))
	}
	return fine("the last one, %s, was taken %s ago: %s, %s", e.Name, span(now.Sub(e.At)), plural(e.Rows, "row"), plural(e.Rejects, "reject"))
}

// exportFound is what is found about the export that was read last.
func (u *checkup) exportFound(path, name string, e examined) finding {
	preview := "`tillpost preview " + path + "` shows how it is read"
	if strings.ContainsRune(path, ' ') {
		preview = "`tillpost preview \"" + path + "\"` shows how it is read"
	}
	switch {
	case e.err != nil && e.moved:
		return warning("look again in a minute", "%s is being written at this moment", name)
	case errors.Is(e.err, fs.ErrPermission) && u.running():
		return fine("%s: %s cannot read it; what the running agent made of it is in `tillpost status`", name, u.account)
	case errors.Is(e.err, fs.ErrPermission):
		return failure("give the account that tillpost runs as the right to read it", "%s: %s cannot read it", name, u.account)
	case e.err != nil:
		return failure(preview, "%s would be refused: %s", name, clip(strings.ReplaceAll(errorText(e.err), "\n", "; "), 500))
	}
	rows := fmt.Sprintf("%s: %s, %s, %s", name, plural(e.sum.Rows, "row"), plural(e.sum.Updates, "update"), plural(e.sum.Rejects, "reject"))
	switch {
	case e.sum.Rejects*10 > e.sum.Rows:
		return warning(preview, "%s", rows)
	case e.sum.Rows > manyRows && e.zeros == 0:
		return warning("let the POS export what is sold out too, as 0: what an export leaves out keeps its last quantity at the API",
			"%s, and not one of them says 0", rows)
	}
	return fine("%s", rows)
}
