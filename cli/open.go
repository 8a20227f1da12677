package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
)

// The link must be in no process's arguments, where others on the computer see it. What the browser is given is the path of a
// file that leads to the link, and that its person alone can read.

const (
	linkLives = time.Minute      // for so long the link works
	linkWait  = 20 * time.Second // that a person at a terminal waits for a browser that is slow
)

// linkAdvice is what goes with a link.
const linkAdvice = "open it in a browser on this machine, within a minute; it works once"

func (con *console) openCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "open [--config FILE] [--print] [--json]",
		Short: "show the status page in the browser, by a one-time link",
		Long: "open asks the running agent for a link to its status page and shows that in the browser. The link works once, within a\n" +
			"minute, on this computer alone; the browser then stays let in. Where there is no desktop, the link is printed. Who may\n" +
			"not read the agent's data folder is asked for an administrator's password; the browser has no more rights for that.",
		Example: "  tillpost open\n  tillpost open --print",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	asJSON := jsonFlag(cmd, "print one JSON object with the link, and open nothing")
	onlyPrint := cmd.Flags().Bool("print", false, "print the link, and open nothing")
	to := cmd.Flags().String(toFlag, "", "write the link into an empty `FILE` that is there")
	menu := cmd.Flags().Bool(menuFlag, false, "be started from a menu: what goes wrong is shown in the browser too")
	for _, name := range []string{toFlag, menuFlag} {
		_ = cmd.Flags().MarkHidden(name) // there is such a flag
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		if !*asJSON && !*onlyPrint && *to == "" {
			return con.open(ctx, *path, *menu)
		}
		link, err := statusLink(ctx, *path)
		switch {
		case *to != "":
			return errors.Join(err, handOver(*to, link, err))
		case err != nil:
			return err
		case *asJSON:
			con.json(handed{URL: link})
		default:
			con.printf("%s\n", link)
			con.err.tell(linkAdvice)
		}
		return nil
	}
	return cmd
}

// menuFlag is for the entries of desktops and of the Start menu, whose messages nobody would see.
const menuFlag = "menu"

// open shows the status page, or prints the link where nobody can be shown a browser.
func (con *console) open(ctx context.Context, path string, menu bool) error {
	v := findViewer()
	link, err := statusLink(ctx, path)
	if _, shut := errors.AsType[*shutError](err); shut && v != nil {
		link, err = con.linkFromAbove(ctx, v, path, err)
	}
	switch {
	case err != nil && menu && v != nil && ctx.Err() == nil:
		_, serr := con.show(ctx, v, telling(err))
		return errors.Join(err, serr)
	case err != nil:
		return err
	case v != nil:
		con.err.tell("the status page opens in your browser; this ends by itself")
		if shown, err := con.show(ctx, v, leadingTo(link)); shown || err != nil {
			return err
		}
	}
	con.printf("%s\n%s\n", linkAdvice+":", link)
	return nil
}

// linkFromAbove asks for the link with an administrator's rights; denied is why it could not be had without.
func (con *console) linkFromAbove(ctx context.Context, v *viewer, path string, denied error) (string, error) {
	file, err := filepath.Abs(config.Find(path))
	if err != nil {
		return "", fmt.Errorf("find the folder of the config %s: %w", path, err)
	}
	con.err.tell("only an administrator may open the status page; you are asked for one's password")
	link, err := v.linkFromAbove(ctx, file)
	if errors.Is(err, errNobodyAbove) {
		return "", denied
	}
	if err == nil && !isLink(link) {
		err = errors.New("what was started with more rights gave no link")
	}
	return link, err
}

// errNobodyAbove says that nobody could be asked for more rights, or that they were not given.
var errNobodyAbove = errors.New("no more rights were given")

// statusLink asks the running agent of a config for a link.
func statusLink(ctx context.Context, path string) (string, error) {
	c, err := loadConfig(path)
	if errors.Is(err, fs.ErrPermission) {
		return "", &shutError{err}
	}
	if err != nil {
		return "", err
	}
	d, err := agent.DialDesk(ctx, c)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		d, err = openDesk(ctx, c) // which knows why there is none
	}
	if errors.Is(err, fs.ErrPermission) {
		return "", &shutError{fmt.Errorf("ask the running agent for the link: %w", err)}
	}
	if err != nil {
		return "", err
	}
	link, err := d.Link(ctx)
	err = errors.Join(err, d.Close())
	switch {
	case errors.Is(err, agent.ErrNotRunning):
		return "", fmt.Errorf("%w, so there is no status page", agent.ErrNotRunning)
	case err != nil:
		return "", &linkError{err: err, off: c.Status.Listen == ""}
	}
	return link, nil
}

// shutError says that this account may not ask the agent.
type shutError struct{ err error }

func (e *shutError) Error() string { return e.err.Error() }
func (e *shutError) Unwrap() error { return e.err }

// linkError says why there is no link.
type linkError struct {
	err error
	off bool // the config turns the status page off
}

func (e *linkError) Error() string { return "get a link to the status page: " + e.err.Error() }
func (e *linkError) Unwrap() error { return e.err }

// isLink tells whether a text is a link to this machine.
func isLink(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || strings.ContainsAny(text, " \r\n\t") {
		return false
	}
	at, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && at.IsLoopback()
}

// show lets the browser open a page, and stays until the page's file is not needed any more. It reports whether that went well.
func (con *console) show(ctx context.Context, v *viewer, page []byte) (shown bool, err error) {
	file, err := v.write(page)
	if err != nil {
		return false, fmt.Errorf("write a page for the browser: %w", err)
	}
	defer func() {
		if err := v.remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			con.warn("%s is of no use any more, and could not be removed: %s", file, errorText(err))
		}
	}()
	failed := make(chan error, 1)
	if err := v.start(file, failed); err != nil {
		failed <- err
	}
	wait := linkLives
	if con.err.terminal {
		wait = linkWait
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case err := <-failed:
		con.warn("no browser could be opened: %s", errorText(err))
		return false, nil
	case <-timer.C:
	case <-ctx.Done(): // the browser has it, or was closed too
	}
	return true, nil
}

const pageHead = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>tillpost</title>\n"

// leadingTo is a page that goes to a link by itself.
func leadingTo(link string) []byte {
	link = html.EscapeString(link)
	return []byte(pageHead + "<meta http-equiv=\"refresh\" content=\"0; url=" + link + "\">\n" +
		"<p><a href=\"" + link + "\">The status page of tillpost</a></p>\n<p>This link works once, within a minute.</p>\n</html>\n")
}

// telling is a page that says why there is no status page.
func telling(err error) []byte {
	page := pageHead + "<h1>The status page cannot be shown</h1>\n<p>" + html.EscapeString(plain(errorText(err))) + "</p>\n"
	for line := range strings.Lines(hint(err)) {
		page += "<p>" + html.EscapeString(plain(strings.TrimSpace(line))) + "</p>\n"
	}
	return []byte(page + "</html>\n")
}

// pageName is what the file is called, for os.CreateTemp. Browsers that come as snaps see neither hidden files nor /tmp.
const pageName = "tillpost-open-*.html"

// writePage makes the file in the first of the folders that takes it. Its mode is 0600.
func writePage(page []byte, folders ...string) (string, error) {
	var errs error
	for _, dir := range folders {
		f, err := os.CreateTemp(dir, pageName)
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		_, err = f.Write(page)
		if err = errors.Join(err, f.Close()); err == nil {
			return f.Name(), nil
		}
		errs = errors.Join(errs, err, os.Remove(f.Name()))
	}
	return "", errs
}

// toFlag is for Windows, where this program starts itself with more rights, and nothing else comes back from there.
const toFlag = "to"

// handed is what comes back.
type handed struct {
	URL   string `json:"url,omitempty"`
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// handOver writes a link, or why there is none, into a file that somebody with fewer rights has made for it. It must be an
// empty one of the right name, so that no other file can be harmed by it.
func handOver(path, link string, failed error) error {
	about, err := os.Lstat(path)
	if err != nil {
		return err
	}
	name, _ := filepath.Match(pageName, filepath.Base(path)) // the pattern is a right one
	if !name || !about.Mode().IsRegular() || about.Size() != 0 {
		return fmt.Errorf("%s is not an empty file that was made for a link", path)
	}
	h := handed{URL: link}
	if failed != nil {
		h.Error, h.Hint = errorText(failed), hint(failed)
	}
	var b bytes.Buffer
	writeJSON(&b, h)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	is, err := f.Stat() // who made the file may have put another in its place since
	switch {
	case err != nil:
	case !os.SameFile(is, about) || is.Size() != 0:
		err = fmt.Errorf("%s is another file than a moment ago", path)
	default:
		_, err = f.Write(b.Bytes())
	}
	return errors.Join(err, f.Close())
}

// takeOver reads what handOver wrote; ok is false where that is not all there yet.
func takeOver(path string) (link string, ok bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", false, err
	}
	var h handed
	if json.Unmarshal(data, &h) != nil {
		return "", false, nil
	}
	if h.Error != "" {
		return "", true, hinted(errors.New(h.Error), strings.Split(h.Hint, "\n"))
	}
	return h.URL, true, nil
}
