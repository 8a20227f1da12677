package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/installer"
	"tillpost/outbox"
)

// captured runs fn with a console whose output is kept, standard output first.
func captured(fn func(*console) error) (string, error) {
	var out, errs bytes.Buffer
	con := newConsole(&out, &errs)
	err := fn(con)
	con.err.end()
	con.behind.flush()
	return out.String() + errs.String(), err
}

// checkText is what `check` prints. What it found wrong is in there, and no failure of this command.
func (p *parcel) checkText(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, checkTime, fmt.Errorf("it is cut short after %v", checkTime))
	defer cancel()
	return captured(func(con *console) error {
		u := &checkup{con: con}
		if err := u.run(ctx, p.flag); !errors.Is(err, errSaid) {
			return err
		}
		return nil
	})
}

// openDesk finds the agent, and asks for its status.
func (p *parcel) openDesk(ctx context.Context) {
	type asked struct {
		desk   agent.Desk
		status agent.Status
		err    error
	}
	conf, dataDir := p.conf, p.dataDir
	a, ok := within(ctx, 2*deskTime, func(ctx context.Context) (a asked) {
		switch {
		case conf != nil:
			a.desk, a.err = openDesk(ctx, conf)
		case dataDir != "": // of a stopped agent nothing is touched
			a.desk, a.err = agent.DialDesk(ctx, &config.Config{DataDir: dataDir})
		default:
			a.err = errors.New("without a config that can be used nobody knows where the outbox is")
		}
		if a.err == nil {
			a.status, a.err = a.desk.Status(ctx)
		}
		return a
	})
	switch {
	case !ok:
		a.err = errors.New("the data folder does not answer")
	case a.err == nil:
		p.status = &a.status
	}
	if p.desk = a.desk; a.err != nil {
		p.failed("the agent and its outbox", a.err)
	}
}

func (p *parcel) statusText(context.Context) (string, error) {
	if p.status == nil {
		return "", nil
	}
	return captured(func(con *console) error {
		con.showStatus(*p.status, p.at)
		if p.conf != nil {
			con.hints(statusHints(p.conf, *p.status))
		}
		return nil
	})
}

func (p *parcel) statusJSON(context.Context) (string, error) {
	if p.status == nil {
		return "", nil
	}
	return captured(func(con *console) error { con.json(p.status); return nil })
}

// aboutText is what this computer and this tillpost are.
func (p *parcel) aboutText(ctx context.Context) (string, error) {
	b, m := thisBuild(), thisMachine()
	zone, offset := p.at.Zone()
	host, _ := os.Hostname() // it may have none
	text, err := captured(func(con *console) error {
		t := newColumns(con)
		row := func(name, format string, args ...any) { t.row(name + "\t" + plain(fmt.Sprintf(format, args...))) }
		row("tillpost", "%s, commit %s, %s", b.Version, b.Commit, b.Go)
		row("computer", "%s", host)
		row("system", "%s, %s, %d processors", m.system, runtime.GOARCH, runtime.NumCPU())
		row("memory", "%s MB", number(m.memory>>20))
		row("time", "%s, zone %s (%+d min)", p.at.UTC().Format(time.RFC3339), zone, offset/60)
		row("config", "%s", p.file)
		if s := p.status; s != nil && s.Since != nil {
			row("agent", "version %s, process %d, for %s", s.Version, s.PID, span(p.at.Sub(*s.Since)))
		}
		if p.dataDir != "" {
			row("data folder", "%s", p.dataDir)
			if d, err := outbox.DiskOf(placeOf(p.dataDir, false).nearest); err == nil {
				row("its disk", "%s, %s MB free %s", d.Name, number(d.Free>>20), d.Share)
			}
		}
		t.flush()
		return nil
	})
	s, serr := installer.Query(ctx)
	if serr == nil || errors.Is(serr, installer.ErrNoManager) {
		text += fmt.Sprintf("service       manager %q, installed %t, from a package %t, starts with the computer %t, runs %t (process %d), started again %t\n"+
			"              account %q, command %q, config %q\n              %s\n              %s\n",
			s.Manager, s.Installed, s.Packaged, s.Enabled, s.Running, s.PID, s.Recovers, s.Account, s.Command, s.Config, plain(s.Disorder), plain(s.Problem))
		serr = nil
	}
	return strings.TrimRight(text, " \n") + "\n", errors.Join(err, serr)
}

// outboxText lists what lies in the data folder, and how much there is in each folder below it.
func (p *parcel) outboxText(context.Context) (string, error) {
	if p.dataDir == "" {
		return "", nil
	}
	entries, err := os.ReadDir(p.dataDir)
	if err != nil {
		return "", err
	}
	return captured(func(con *console) error {
		t := newColumns(con)
		t.row("NAME\tBYTES\tCHANGED\tFILES")
		for i, e := range entries {
			if i == 500 {
				t.row(fmt.Sprintf("and %d more", len(entries)-i))
				break
			}
			name := filepath.Join(p.dataDir, e.Name())
			about, err := e.Info()
			switch {
			case err != nil:
				t.row(plain(e.Name()) + "\t" + plain(errorText(err)))
			case e.IsDir():
				files, bytes := contents(name)
				t.row(fmt.Sprintf("%s/\t%s\t%s\t%s", plain(e.Name()), number(bytes), about.ModTime().UTC().Format(time.RFC3339), number(files)))
			default:
				t.row(fmt.Sprintf("%s\t%s\t%s\t", plain(e.Name()), number(about.Size()), about.ModTime().UTC().Format(time.RFC3339)))
			}
		}
		t.flush()
		return nil
	})
}

// contents counts what lies in a folder and below it, at most 20,000 files.
func contents(dir string) (files int, bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // what cannot be read is not counted
		}
		if about, err := e.Info(); err == nil {
			files, bytes = files+1, bytes+about.Size()
		}
		if files >= 20_000 {
			return fs.SkipAll
		}
		return nil
	})
	return files, bytes
}

func (p *parcel) exportsText(ctx context.Context) (string, error) {
	if p.desk == nil {
		return "", nil
	}
	list, err := p.desk.Recent(ctx, 50)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return captured(func(con *console) error {
		t := newColumns(con)
		t.row("TAKEN\tSOURCE\tEXPORT\tBYTES\tWRITTEN\tROWS\tNEW\tCHANGED\tTO ZERO\tUNCHANGED\tREJECTS\tWHAT CAME OF IT")
		for _, e := range list {
			came := "taken"
			switch {
			case e.Held:
				came = "held: " + e.Refused
			case e.Refused != "":
				came = "refused: " + e.Refused
			case !e.Complete:
				came = "taken, but for its last row"
			case e.Rereads != 0:
				came = "read again with another mapping"
			}
			t.row(fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s", e.Taken.UTC().Format(time.RFC3339), clip(e.Source, 30), clip(e.Name, 80), number(e.Size),
				e.ModTime.UTC().Format(time.RFC3339), e.Rows, e.New, e.Changed, e.Zero, e.Unchanged, e.Rejects, oneLine(came, 300)))
		}
		t.flush()
		return nil
	})
}

func (p *parcel) rejectsText(ctx context.Context) (string, error) {
	if p.desk == nil {
		return "", nil
	}
	page, err := p.desk.Rejects(ctx, "")
	return ndjson(page.List), err
}

func (p *parcel) deadText(ctx context.Context) (string, error) {
	if p.desk == nil {
		return "", nil
	}
	page, err := p.desk.Dead(ctx, "")
	return ndjson(page.List), err
}

func (p *parcel) heldText(ctx context.Context) (string, error) {
	if p.desk == nil {
		return "", nil
	}
	list, err := p.desk.Held(ctx, "")
	return ndjson(list), err
}

// ndjson is a JSON object a line, of the first entries of a list.
func ndjson[Entry any](list []Entry) string {
	var b bytes.Buffer
	for _, e := range list[:min(len(list), listed)] {
		writeJSON(&b, e)
	}
	return b.String()
}
