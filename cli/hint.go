package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/export"
	"tillpost/installer"
	"tillpost/outbox"
)

// hint is what a person can do about an error; "" where nothing better is known than what the error says.
func hint(err error) string {
	if e, ok := errors.AsType[*hintedError](err); ok {
		return strings.Join(e.hints, "\n")
	}
	if h := setupHint(err); h != "" {
		return h
	}
	if e, ok := errors.AsType[*noAnswerError](err); ok {
		process := "its process"
		if e.pid != 0 {
			process = fmt.Sprintf("process %d", e.pid)
		}
		return "it hangs, or it is starting or stopping: try again in a minute; if it still does not answer, end " + process +
			", or restart its service; what is on disk is not lost by that"
	}
	if h := pageHint(err); h != "" {
		return h
	}
	if h := serviceHint(err); h != "" {
		return h
	}
	if e, ok := errors.AsType[*agent.InUseError](err); ok {
		if e.PID == 0 {
			return "`tillpost status` shows the running one; end it first, or let it do the work"
		}
		return fmt.Sprintf("`tillpost status` shows the running one; end process %d first, or let it do the work", e.PID)
	}
	if e, ok := errors.AsType[*outbox.FullError](err); ok {
		return "make room on the disk of " + e.Dir + " and start again; nothing that was read is lost"
	}
	if _, ok := errors.AsType[*agent.UnfinishedError](err); ok {
		return "nothing is lost: `tillpost run` or another `tillpost sync` goes on; the log says what stood in the way"
	}
	if e, ok := errors.AsType[*unknownError](err); ok {
		return "`" + e.list + "` lists them"
	}
	_, unsent := errors.AsType[*unsentError](err)
	if _, ok := errors.AsType[*unknownProductError](err); ok || unsent {
		return "codes are told apart as the API knows them; `tillpost status` shows whether exports were taken, `tillpost rejects` what could not be read in them"
	}
	if e, ok := errors.AsType[*export.Refused](err); ok {
		return refusedHint(e)
	}
	_, reading := errors.AsType[*readError](err)
	switch {
	case errors.Is(err, errIsFolder):
		return "name the export that lies in it"
	case reading && errors.Is(err, fs.ErrNotExist):
		return "see to its name and folder; a path with blanks in it must be in quotes"
	case isDiskFull(err):
		return "make room on the disk and start again; nothing that was read is lost"
	case isLocked(err):
		return "close it in the other program, such as a spreadsheet, or try again in a minute"
	case errors.Is(err, syscall.ENOTDIR):
		return "something on that path is a file and no folder; where the outbox lies, `data_dir` in the config says"
	case errors.Is(err, errPaused):
		return "`tillpost resume` lets it go on"
	case errors.Is(err, outbox.ErrNoOutbox):
		return "no agent has worked with this config yet; `tillpost run` starts one"
	case errors.Is(err, outbox.ErrDamaged):
		return "start the agent, or restart it: it sets the damaged outbox aside by itself, and sends what the exports say that are still in their folders once more; then look after the disk"
	case errors.Is(err, outbox.ErrNewer):
		return "use the tillpost that made it, or a newer one; an older one cannot read it"
	case errors.Is(err, outbox.ErrUncertain), errors.Is(err, outbox.ErrLost):
		return "look after the disk, then start again: what counts is found out at the start"
	case errors.Is(err, syscall.EROFS):
		return "let the disk of the data folder be written to again: it may be faulty; an agent that runs goes on by itself then, and nothing that was read is lost"
	case errors.Is(err, syscall.EADDRINUSE):
		return "take another port, or port 0 for one that is free"
	case errors.Is(err, fs.ErrPermission):
		return "use the account that tillpost runs as, or an administrator's, or let this one read and write there"
	}
	return ""
}

// pageHint is hint for what keeps the status page from being shown.
func pageHint(err error) string {
	if _, ok := errors.AsType[*shutError](err); ok {
		return openRights
	}
	e, ok := errors.AsType[*linkError](err)
	switch {
	case errors.Is(err, agent.ErrNotRunning):
		return "`tillpost start` starts the service, and `tillpost run` the agent in this window; `tillpost status` shows how a stopped one is"
	case !ok:
		return ""
	case e.off:
		return "write `status: {listen: 127.0.0.1:8460}` into the config and start tillpost anew; `tillpost status` shows the same in this window"
	}
	return "the log says why the page is not served; `tillpost status` shows the same in this window"
}

// serviceHint is hint for what goes wrong with the service.
func serviceHint(err error) string {
	if _, ok := errors.AsType[*installer.RightsError](err); ok {
		return moreRights
	}
	if e, ok := errors.AsType[*installer.PackagedError](err); ok {
		return "let the package bring the newer program, or use " + e.Program
	}
	if e, ok := errors.AsType[*installer.NewerError](err); ok {
		return "install a newer tillpost; where it must be the older one, remove tillpost first, as by `" + e.Program + " uninstall`: the config and what waits stay"
	}
	if e, ok := errors.AsType[*installer.OwnerError](err); ok {
		return ownerHint(e.Path)
	}
	if _, ok := errors.AsType[*installer.EndedError](err); ok {
		return "`tillpost check` says what is wrong, and what to do; the service is started again by itself"
	}
	switch {
	case errors.Is(err, installer.ErrNotInstalled):
		return "`tillpost install` makes it"
	case errors.Is(err, installer.ErrPackaged):
		return "remove tillpost where Windows lists its apps, or by `msiexec /x`"
	case errors.Is(err, installer.ErrNoManager):
		return "let whatever starts programs on this computer start `tillpost run`, and start it again where it ends"
	}
	return ""
}

// setupHint is hint for what keeps a command from starting.
func setupHint(err error) string {
	if e, ok := errors.AsType[*usageError](err); ok {
		if len(e.meant) > 0 {
			path := e.cmd.CommandPath()
			return "did you mean `" + path + " " + strings.Join(e.meant, "` or `"+path+" ") + "`?"
		}
		if !e.cmd.HasParent() {
			return "usage: tillpost COMMAND; `tillpost --help` lists them"
		}
		return fmt.Sprintf("usage: %s; `%s --help` says more", e.cmd.UseLine(), e.cmd.CommandPath())
	}
	if _, ok := errors.AsType[*config.Problems](err); ok {
		return "mend these lines; README.md lists every key"
	}
	if e, ok := errors.AsType[*config.ExposedTokenError](err); ok && e.Who != "" {
		return "`tillpost token set`, as an administrator, writes it anew for those alone; if others may have read it, ask for a new token"
	} else if ok {
		return "`chmod 600 " + e.Path + "`; if others may have read it, ask for a new token"
	}
	if errors.Is(err, config.ErrNoToken) {
		return "`tillpost token set` asks for it and stores it; or write the token alone into a file that only this account can read, and name it as `token_file` under `api`"
	}
	e, ok := errors.AsType[*setupError](err)
	switch {
	case !ok:
	case e.missing && e.asked:
		return "`tillpost init --config FILE` makes it, or name another one by --config or $TILLPOST_CONFIG; `tillpost demo` needs none"
	case e.missing:
		return "`tillpost init` makes it; it is looked for at --config, then $TILLPOST_CONFIG, then there; `tillpost demo` needs none"
	case e.token && errors.Is(err, fs.ErrNotExist):
		return "`token_file` in the config names that file; `tillpost token set` asks for the token and stores it there"
	case e.token && !errors.Is(err, fs.ErrPermission):
		return "`tillpost token set` stores it; it must be as the API's operator gave it: alone, in one line"
	}
	return ""
}

// refusedHint is hint for an export that was refused, where there is a line to write into the config.
func refusedHint(e *export.Refused) string {
	switch {
	case e.Code == export.RefusedEmpty:
		return "let the POS export it again; until then the API keeps the quantities that it has"
	case e.Write == "":
		return ""
	}
	text := "that line belongs into the config, tillpost.yaml, under the source and beside its `folder`"
	switch {
	case e.Code == export.RefusedDuplicates && strings.Contains(e.Write, "..."):
		return text + "; in place of ... comes sum, last or reject, whichever is right for these rows"
	case strings.HasPrefix(e.Write, "stores: ") && strings.Contains(e.Write, "..."):
		return text + "; in place of ... comes the store's code at the API; a store that the API does not have can be left out"
	case e.Code == export.RefusedStore && strings.Contains(e.Write, "..."):
		return text + "; in place of ... comes the store's code at the API; `tillpost preview --store S` tries one without writing it"
	case e.Code == export.RefusedStore:
		return text + "; where the POS's words are not the API's codes, `stores: {\"Main Street\": \"3\"}` beside it translates them"
	case e.Code == export.RefusedRow && strings.Contains(e.Write, "..."):
		return text + "; in place of ... comes one of the names that it gives, whichever has what is in stock"
	case strings.Contains(e.Write, "..."):
		return text + "; in place of ... comes a heading of the export in quotes, or a column's number"
	}
	return text
}

// hintedError is an error for which its command knows what to do.
type hintedError struct {
	error
	hints []string
}

func (e *hintedError) Unwrap() error { return e.error }

// hinted is err with hints, where there are some.
func hinted(err error, hints []string) error {
	if err == nil || len(hints) == 0 {
		return err
	}
	return &hintedError{err, hints}
}

// statusHints are what a person can do about what a status tells.
func statusHints(c *config.Config, s agent.Status) (hints []string) {
	if h := apiHint(c, s); h != "" {
		hints = append(hints, h)
	}
	if s.Unknown > 0 {
		hints = append(hints, "the API knows each product and each store by a code: compare those in the exports, and in the config's `defaults` and `stores`, with what the API's operator says")
	}
	for _, src := range s.Sources {
		if h := sourceHint(c, src); h != "" {
			hints = append(hints, "source "+src.Name+": "+h)
		}
	}
	for _, p := range otherProblems(s) {
		if p.Do == "Nothing." {
			continue
		}
		if p.Source != "" {
			hints = append(hints, "source "+p.Source+": "+p.Do)
			continue
		}
		hints = append(hints, p.Do)
	}
	return hints
}

// apiHint is what a person can do about the API's state, one of agent's.
func apiHint(c *config.Config, s agent.Status) string {
	url := c.API.URL
	switch s.API.State {
	case "token not accepted":
		file := c.API.TokenFile
		if file == "" {
			file = "its place"
		}
		return "ask the API's operator for the token and write it into " + file + "; nothing is lost, and sending goes on by itself within seconds"
	case "not our API":
		if strings.HasPrefix(s.API.LastError, "the certificate of ") {
			return "see to this machine's clock; where a proxy or a security program of the house signs certificates, `ca_file` under `api` names a file with its root certificate"
		}
		return "`url` in the config is " + url + ": compare it with what the API's operator says; a guest network that wants a login shows up like this too. Nothing is lost, and it is tried again"
	case "no connection":
		return "see to this machine's network, and to `url` in the config, which is " + url + "; nothing is lost, it is tried until there is a connection"
	case "failing":
		return "the API is there and takes no updates: where that lasts, tell its operator; nothing is lost, it is tried until it does"
	case "everything refused":
		return "the API refuses what it took before too: compare `url`, and the stores in `defaults` and `stores`, with what the API's operator says; nothing is lost, and it is tried again"
	case "slowed down":
		return "the API asks for fewer requests and gets them; where that lasts, tell its operator, or write a lower `rate` under `api`. Nothing is lost"
	case "disk full":
		return "make room on the disk of " + s.DataDir + "; nothing that was read is lost"
	}
	return ""
}

// sourceHint is what a person can do about a source.
func sourceHint(c *config.Config, src agent.SourceStatus) string {
	switch {
	case src.Problem == "it is not a folder":
		return "`folder` in the config must be the folder that the exports lie in; `files` says which of those in it are exports"
	case src.State == "folder missing" && len(src.Folder) > 1 && src.Folder[1] == ':':
		return "make the folder, or mend `folder` in the config; where it lies on another computer, write it as \\\\server\\share\\folder, for a service does not know drive letters of the network"
	case src.State == "folder missing":
		return "make the folder, or mend `folder` in the config, or let this account read it; it is waited for"
	case src.State == "problem" && strings.HasPrefix(src.Problem, "the disk of "):
		return "make room on that disk: its exports are taken in then, and nothing is lost"
	case src.State == "problem" && strings.HasPrefix(src.Problem, "the folder has not answered"):
		return "see whether the computer or share that the folder lies on is there; it is waited for"
	case src.State == "problem" && strings.HasPrefix(src.Problem, "missing: zero is off"):
		return "exports of this kind do not list all that there is: take `missing: zero` out of the config for this source, or give the full lists a folder of their own"
	case src.State == "problem" && strings.HasPrefix(src.Problem, "it contradicts the source "):
		return "two sources say different things of one product, and the newest counts: let one of them name it, or both write what is true"
	case src.State == "problem":
		return "the log names what it is about, and says why; another program may have it open, or the agent's account may not do it"
	case src.LastExport == nil || src.LastExport.Refused == "" && src.LastExport.Rejects == 0:
		return ""
	}
	path := filepath.Join(src.Folder, filepath.FromSlash(src.LastExport.Name))
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	command := "tillpost preview "
	if c.File != config.Find("") {
		command += "--config " + shellWord(c.File) + " "
	}
	return "`" + command + shellWord(path) + "` shows what is wrong in it, and what to do"
}

// shellWord is a path as it is typed.
func shellWord(path string) string {
	if strings.ContainsAny(path, " &()';") {
		return `"` + path + `"`
	}
	return path
}
