package cli

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
)

func (con *console) supportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "support [--config FILE] [--output FILE.zip] [--json]",
		Short: "write one zip for whoever helps; no secret is in it",
		Long: "support gathers what somebody needs who is to help from afar: this computer and this program, the config, the agent's\n" +
			"state, what `check` says, the end of the log, the last exports, rejects, dead letters and held exports. It writes them\n" +
			"into one zip, which it sends nowhere, and lists what is in it. The token, passwords and the like are hidden. A part that\n" +
			"cannot be had is named, and the others are there: it works with a wrong config and a stopped agent too.",
		Example: "  tillpost support\n  tillpost support --output store-12.zip",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	asJSON := jsonFlag(cmd, "print one JSON object")
	output := flagOf(cmd, "output", "the zip, a `FILE` that is not there yet (default: tillpost-support-<host>-<time>.zip in this folder)", parseText)
	complete(cmd, "output", fileChoices)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p := newParcel(con, config.Find(*path), *path)
		if err := p.write(cmd.Context(), *output); err != nil {
			return err
		}
		p.show(*asJSON)
		return nil
	}
	return cmd
}

// parcel is a zip for whoever helps. Its parts are bounded, so that it fits into a mail.
type parcel struct {
	con    *console
	file   string // the config's
	flag   string // --config
	at     time.Time
	redact *redactor
	zip    *zip.Writer

	shared   config.Shareable
	shareErr error
	conf     *config.Config // nil = it cannot be used
	confErr  error
	dataDir  string // "" = nobody knows
	logFile  string // "" = the config names none, or nobody knows
	desk     agent.Desk
	status   *agent.Status // nil = nobody tells it

	made parcelMade
}

// parcelMade is what `support --json` prints.
type parcelMade struct {
	File   string       `json:"file"`
	Bytes  int64        `json:"bytes"`
	Parts  []parcelPart `json:"parts"`
	Failed []partError  `json:"failed"`
}

type parcelPart struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	About string `json:"about"`
}

type partError struct {
	Name  string `json:"name"`
	Error string `json:"error"`
}

func newParcel(con *console, file, flag string) *parcel {
	if abs, err := filepath.Abs(file); err == nil { // else it is named as it was given
		file = abs
	}
	return &parcel{con: con, file: file, flag: flag, at: time.Now(), redact: newRedactor(),
		made: parcelMade{Parts: []parcelPart{}, Failed: []partError{}}}
}

// write makes the zip, or nothing.
func (p *parcel) write(ctx context.Context, output string) (err error) {
	if output == "" {
		output = fmt.Sprintf("tillpost-support-%s-%s.zip", hostName(), p.at.UTC().Format("20060102T150405Z"))
	}
	if p.made.File, err = filepath.Abs(output); err != nil {
		return err
	}
	f, err := os.OpenFile(p.made.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return hinted(fmt.Errorf("%s is there already, and is not written over", p.made.File), []string{"name another file by --output"})
	}
	if err != nil {
		return hinted(fmt.Errorf("make the zip: %w", err), []string{"name a file in another folder by --output"})
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if rerr := beRoot(); err == nil { // looking around may have made this process the agent's account
			err = rerr
		}
		if err != nil {
			err = errors.Join(err, os.Remove(p.made.File))
		}
	}()
	if err := giveToSudoer(f); err != nil {
		return err
	}
	p.zip = zip.NewWriter(f)
	p.fill(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := p.zip.Close(); err != nil {
		return fmt.Errorf("write %s: %w", p.made.File, err)
	}
	about, err := f.Stat()
	if err == nil {
		p.made.Bytes = about.Size()
	}
	return err
}

// hostName is the computer's name, fit for a file's.
func hostName() string {
	name, _ := os.Hostname() // without one it is called so
	name = strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, name)
	return cmp.Or(name[:min(len(name), 40)], "computer")
}

// portion is one part as it is made. Where make has a text and an error, both are kept.
type portion struct {
	name, about string
	most        int           // bytes of it
	time        time.Duration // that it may take
	make        func(context.Context) (string, error)
}

const (
	smallPart = 256 << 10
	logPart   = 1 << 20
	listPart  = 1500 << 10
	partTime  = 30 * time.Second
	checkTime = 2 * time.Minute
	listed    = 200 // entries of a list
)

// fill adds all parts, the log before whatever may write to it.
func (p *parcel) fill(ctx context.Context) {
	p.lookForSecrets()
	p.conf, p.confErr = loadConfig(p.flag)
	p.findPlaces()
	p.add(ctx, portion{"config.yaml", "the config, without comments and secrets", smallPart, partTime, p.configText})
	p.add(ctx, portion{"config-problems.txt", "what is wrong in the config", smallPart, partTime, p.problemsText})
	p.add(ctx, portion{"log.txt", "the end of the log", logPart, partTime, p.logText})
	p.add(ctx, portion{"check.txt", "what `tillpost check` says", smallPart, checkTime + partTime, p.checkText})
	p.openDesk(ctx)
	p.add(ctx, portion{"about.txt", "this computer and this tillpost", smallPart, partTime, p.aboutText})
	p.add(ctx, portion{"status.txt", "what `tillpost status` says", smallPart, partTime, p.statusText})
	p.add(ctx, portion{"status.json", "the same for programs", smallPart, partTime, p.statusJSON})
	p.add(ctx, portion{"outbox.txt", "the files in the data folder", smallPart, partTime, p.outboxText})
	p.add(ctx, portion{"exports.txt", "the last 50 exports, and what came of them", smallPart, partTime, p.exportsText})
	p.add(ctx, portion{"rejects.ndjson", "rows that could not be read, 200 of them", listPart, partTime, p.rejectsText})
	p.add(ctx, portion{"dead.ndjson", "updates that the API refused for good, 200 of them", listPart, partTime, p.deadText})
	p.add(ctx, portion{"held.ndjson", "exports that a guard stopped", listPart, partTime, p.heldText})
	if p.desk != nil {
		if err := p.desk.Close(); err != nil {
			p.failed("outbox.txt", err)
		}
	}
	if len(p.made.Failed) > 0 {
		p.add(ctx, portion{"errors.txt", "what is missing here, and why", smallPart, partTime, p.errorsText})
	}
}

// add makes a part and puts it into the zip, without secrets.
func (p *parcel) add(ctx context.Context, o portion) {
	type result struct {
		text string
		err  error
	}
	if ctx.Err() != nil {
		return
	}
	r, ok := within(ctx, o.time, func(ctx context.Context) (r result) {
		r.text, r.err = o.make(ctx)
		return r
	})
	if !ok {
		r = result{err: fmt.Errorf("no answer within %v", o.time)}
	}
	if r.err != nil && ctx.Err() == nil {
		p.failed(o.name, r.err)
	}
	text, left := firstLines(p.redact.text(r.text), o.most)
	if left > 0 {
		p.failed(o.name, fmt.Errorf("its last %s bytes are left out", number(left)))
	}
	if text == "" {
		return
	}
	w, err := p.zip.CreateHeader(&zip.FileHeader{Name: o.name, Method: zip.Deflate, Modified: p.at})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err != nil {
		p.failed(o.name, err)
		return
	}
	p.made.Parts = append(p.made.Parts, parcelPart{o.name, len(text), o.about})
}

// failed takes down that a part, or some of it, is missing.
func (p *parcel) failed(name string, err error) {
	text := p.redact.text(errorText(err))
	p.made.Failed = append(p.made.Failed, partError{name, text})
}

// firstLines are the first lines of a text that most bytes have room for; left is how many bytes they lack.
func firstLines(text string, most int) (lines string, left int) {
	if len(text) <= most {
		return text, 0
	}
	end := strings.LastIndexByte(text[:most], '\n') + 1
	return text[:end], len(text) - end
}

// lookForSecrets finds what must not be in the zip, before anything else is read.
func (p *parcel) lookForSecrets() {
	secrets := []string{os.Getenv("TILLPOST_TOKEN")}
	p.shared, p.shareErr = config.Share(p.file)
	secrets = append(secrets, p.shared.Secrets...)
	stated, place := &config.Config{}, &config.Config{} // without token_file it lies in the platform's place
	stated.API.TokenFile = p.beside(p.shared.TokenFile)
	for _, c := range []*config.Config{stated, place} {
		token, err := c.TokenSource().Token()
		if err != nil && !errors.Is(err, config.ErrNoToken) && !errors.Is(err, fs.ErrNotExist) {
			p.failed("the token", fmt.Errorf("it could not be looked for in what is here: %w", err))
		}
		secrets = append(secrets, token)
	}
	p.redact = newRedactor(secrets...)
}

// findPlaces finds the data folder and the log, also where the config says too much that is wrong: an agent may run on with
// the one before.
func (p *parcel) findPlaces() {
	if p.conf != nil {
		p.dataDir, p.logFile = p.conf.DataDir, p.conf.Log.File
		return
	}
	p.dataDir, p.logFile = p.beside(p.shared.Shown["data_dir"]), p.beside(p.shared.Shown["log.file"])
	if p.dataDir == "" && p.file == config.Place() {
		p.dataDir = config.DataPlace()
	}
}

// beside is a path of the config, which may be relative to the config's folder.
func (p *parcel) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(p.file), path)
}

func (p *parcel) configText(context.Context) (string, error) { return p.shared.Text, p.shareErr }

func (p *parcel) problemsText(context.Context) (string, error) {
	if p.confErr == nil {
		return "", nil
	}
	text := errorText(p.confErr) + "\n"
	if h := hint(p.confErr); h != "" {
		text += h + "\n"
	}
	return text, nil
}

// errorsText names what is missing.
func (p *parcel) errorsText(context.Context) (string, error) {
	var b bytes.Buffer
	for _, e := range p.made.Failed {
		fmt.Fprintf(&b, "%s: %s\n", e.Name, e.Error)
	}
	return b.String(), nil
}

// show tells what is in the zip.
func (p *parcel) show(asJSON bool) {
	if asJSON {
		p.con.json(p.made)
		return
	}
	p.con.printf("%s\nholds no secret: the token, passwords and the like are hidden in it. It tells of products, quantities, folders and this\n"+
		"computer. It was sent nowhere: that is up to you. In it are:\n\n", plain(p.made.File))
	t := newColumns(p.con)
	for _, part := range p.made.Parts {
		t.row(fmt.Sprintf("  %s\t%s bytes\t%s", part.Name, number(part.Bytes), part.About))
	}
	t.flush()
	for _, e := range p.made.Failed {
		p.con.warn("%s: %s", e.Name, e.Error)
	}
}
