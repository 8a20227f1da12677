package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/export"
	"tillpost/outbox"
)

// hint is what a person can do about an error; "" where nothing better is known than what the error says.
func hint(err error) string {
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
	if e, ok := errors.AsType[*export.Refused](err); ok && e.Code == export.RefusedStore {
		return "`tillpost preview --store S` shows it as an export of the store S"
	}
	switch {
	case errors.Is(err, errPaused):
		return "`tillpost resume` lets it go on"
	case errors.Is(err, outbox.ErrNoOutbox):
		return "no agent has worked with this config yet; `tillpost run` starts one"
	case errors.Is(err, outbox.ErrDamaged):
		return "end the agent, give outbox.db in the data folder another name, and start again: what the exports say that are still in their folders is sent once more"
	case errors.Is(err, outbox.ErrNewer):
		return "use the tillpost that made it, or a newer one; an older one cannot read it"
	case errors.Is(err, outbox.ErrUncertain):
		return "look after the disk, then start again: what counts is found out at the start"
	case errors.Is(err, syscall.EADDRINUSE):
		return "take another port, or port 0 for one that is free"
	case errors.Is(err, fs.ErrPermission):
		return "use the account that tillpost runs as, or an administrator's"
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
	if e, ok := errors.AsType[*config.ExposedTokenError](err); ok {
		return "`chmod 600 " + e.Path + "`; if others may have read it, ask for a new token"
	}
	if errors.Is(err, config.ErrNoToken) {
		return "write the token alone into a file that only this account can read, and name it as `token_file` under `api`"
	}
	e, ok := errors.AsType[*setupError](err)
	switch {
	case !ok:
	case e.missing && e.asked:
		return "write it, or name another one by --config or $TILLPOST_CONFIG; `tillpost demo` needs none"
	case e.missing:
		return "it is looked for at --config, then $TILLPOST_CONFIG, then there; `tillpost demo` needs none"
	case e.token && errors.Is(err, fs.ErrNotExist):
		return "`token_file` in the config names that file; write the token alone into it, so that only this account can read it"
	}
	return ""
}
