package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/installer"
)

func (con *console) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--config FILE] [--json]",
		Short: "what is wrong in this store, item by item, and what to do about it",
		Long: "check looks at all that delivery needs, a line each: the config, the data folder and its disk, the log, the running agent, the\n" +
			"service, the token, each source's folder and its newest export, the way to the API with what it says to the token, the clock, and\n" +
			"the outbox. It sends no update: what it posts to the API is {}. A line begins with ok, warning or failed, and says\n" +
			"what to do. Root looks as the account that the service runs as. The exit status is 1 when an item failed, and 2 when the config is missing or wrong or there is no token.",
		Example: "  tillpost check\n" +
			"  tillpost check --json",
		Args: noArguments,
	}
	path := configFlag(cmd)
	asJSON := jsonFlag(cmd, "print a JSON object a line, with check, source, state, found and do")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		u := &checkup{con: con, asJSON: *asJSON}
		return u.run(cmd.Context(), *path)
	}
	return cmd
}

// The states of an item.
const (
	itemOK      = "ok"
	itemWarning = "warning"
	itemFailed  = "failed"
)

// finding is what was found about one item.
type finding struct {
	Check  string `json:"check"`
	Source string `json:"source,omitempty"`
	State  string `json:"state"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"` // what to do about it; "" with ok

	setup bool // no agent starts like that: exit status 2
}

func fine(format string, args ...any) finding {
	return finding{State: itemOK, Found: fmt.Sprintf(format, args...)}
}

func warning(do, format string, args ...any) finding {
	return finding{State: itemWarning, Do: do, Found: fmt.Sprintf(format, args...)}
}

func failure(do, format string, args ...any) finding {
	return finding{State: itemFailed, Do: do, Found: fmt.Sprintf(format, args...)}
}

// fault is the finding that an error is; do is what to do where nothing better is known.
func fault(err error, do string) finding {
	_, setup := errors.AsType[*setupError](err)
	return finding{State: itemFailed, Do: cmp.Or(hint(err), do), Found: errorText(err), setup: setup}
}

// checkup looks at one store.
type checkup struct {
	con     *console
	asJSON  bool
	width   int    // of the items' names
	account string // that looks, as in `the account tillpost`

	conf       *config.Config
	service    installer.State
	ours       bool   // the service is that of this config
	serviceErr error  // why nothing is known of it
	token      string // is in nothing that is printed; "" = there is none
	desk       agent.Desk
	deskErr    error         // why there is no desk
	status     *agent.Status // nil = nobody tells it

	failed, setup bool
	left          []string // the items that were not looked at, for what failed
}

// run looks at everything, in the order in which one thing needs another.
func (u *checkup) run(ctx context.Context, path string) error {
	u.width = utf8.RuneCountInString("data folder")
	c, err := loadConfig(path)
	if err != nil {
		u.tell(ctx, "config", "", fault(err, "name the config by --config or $TILLPOST_CONFIG"))
		return u.end(ctx)
	}
	u.conf = c
	u.askService(ctx)
	u.account = account(ctx)
	for _, s := range c.Sources {
		u.width = max(u.width, min(30, utf8.RuneCountInString(label("folder", s.Name))))
	}
	u.tell(ctx, "config", "", u.configFound())
	u.data(ctx)
	u.log(ctx)
	u.agent(ctx)
	defer u.close()
	u.tell(ctx, "service", "", u.serviceFound())
	tokens := c.TokenSource()
	u.tell(ctx, "token", "", u.tokenFrom(ctx, tokens))
	for _, s := range c.Sources {
		u.source(ctx, s)
	}
	u.way(ctx, tokens)
	u.outbox(ctx)
	return u.end(ctx)
}

func (u *checkup) close() {
	if u.desk == nil {
		return
	}
	if err := u.desk.Close(); err != nil {
		u.con.warn("%s", errorText(err))
	}
}

// end tells what was not looked at, and answers what the exit status is for.
func (u *checkup) end(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(u.left) > 0 && !u.asJSON {
		u.con.printf("%-*s  not looked at, because of what failed: %s\n", len(itemWarning), "", strings.Join(u.left, ", "))
	}
	switch {
	case u.setup:
		return &setupError{err: errSaid}
	case u.failed:
		return errSaid
	}
	return nil
}

// tell prints what was found about an item, unless the look at it was cut short.
func (u *checkup) tell(ctx context.Context, check, source string, f finding) {
	if ctx.Err() != nil {
		return
	}
	f.Check, f.Source = check, source
	f.Found = u.redact(f.Found)
	u.failed = u.failed || f.State == itemFailed
	u.setup = u.setup || f.setup
	if u.asJSON {
		u.con.json(f)
		return
	}
	name := label(check, source)
	for line := range strings.SplitSeq(f.Found, "\n") {
		u.con.printf("%-*s  %-*s  %s\n", len(itemWarning), f.State, u.width, name, plain(line))
		f.State, name = "", ""
	}
	if f.Do != "" {
		u.con.printf("%-*s  %-*s  to do: %s\n", len(itemWarning), "", u.width, "", plain(f.Do))
	}
}

// label is what people read of an item's name.
func label(check, source string) string {
	switch {
	case check == "tls", check == "api":
		return strings.ToUpper(check)
	case check == "data":
		return "data folder"
	case source != "":
		return check + " " + clip(source, 20)
	}
	return check
}

// redact takes the token out of a text: a file that holds it may lie in a watched folder. (Promise 11.)
func (u *checkup) redact(text string) string {
	if u.token == "" {
		return text
	}
	return strings.ReplaceAll(text, u.token, "[the token]")
}

const (
	fileTime   = 15 * time.Second // for what is one look at a folder or a small file
	exportTime = 2 * time.Minute  // for reading an export
	outboxTime = 10 * time.Minute // for reading the whole outbox
)

// within answers what look does, and gives up on it after limit: a dead share lets one wait for ever, and nothing ends
// that. What is given up on must share nothing with its caller.
func within[T any](ctx context.Context, limit time.Duration, look func(context.Context) T) (found T, ok bool) {
	if ctx.Err() != nil {
		return found, false
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer := make(chan T, 1)
	var one sync.WaitGroup // which is not waited for
	one.Go(func() { answer <- look(ctx) })
	select {
	case found = <-answer:
		return found, true
	case <-ctx.Done():
		return found, false
	}
}

// account names the account that looks.
func account(ctx context.Context) string {
	name, _ := within(ctx, fileTime, func(context.Context) string { // Windows may ask a domain that is far away
		u, err := currentUser()
		if err != nil {
			return ""
		}
		return u.Username
	})
	if name == "" {
		return "this account"
	}
	return "the account " + name
}
