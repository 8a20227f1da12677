package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/installer"
)

func (con *console) installCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "install [--config FILE] [--no-start]",
		Short: "make tillpost a service of this computer, and start it",
		Long: "install lets tillpost start with the computer, under an account of its own that can do little else, and starts it. On\n" +
			"Windows the program is copied into Program Files first, on Linux to /usr/local/bin, unless it lies where only\n" +
			"administrators can change it. The config and the token must be there. Run again, it takes over a newer program and\n" +
			"what has changed in the config, and mends what is not in order; nothing that waits is lost by that.",
		Example: "  tillpost install",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	noStart := cmd.Flags().Bool("no-start", false, "leave it to the computer's next start, or to `tillpost start`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := serviceConfig(cmd.Context(), *path)
		if err != nil {
			return err
		}
		return con.install(cmd.Context(), c, *noStart)
	}
	return cmd
}

// installService is what `init` offers at its end.
func installService(ctx context.Context, con *console, path string) error {
	c, err := loadConfig(path)
	if err != nil {
		return err
	}
	return con.install(ctx, c, false)
}

// install makes the service of a config.
func (con *console) install(ctx context.Context, c *config.Config, noStart bool) error {
	o, err := con.installOptions(c)
	if err != nil {
		return err
	}
	o.NoStart = noStart
	if who := config.ChangeableBy(c.File); who != "" {
		con.warn("%s can change the config, %s, and so where the token is sent; %s", who, c.File, ownConfigHint)
	}
	if o.Logs != "" && samePath(o.Logs, privateHome()) {
		con.warn("log.file, %s, lies beside the config, where the service may only read: nothing will be logged; write a file in another folder, or leave it out", c.Log.File)
	}
	if err := installer.Install(ctx, o); err != nil {
		return err
	}
	if !noStart {
		con.showFirstLook(ctx, c)
	}
	return nil
}

// ownConfigHint is what to do where others than administrators can change what the service obeys.
const ownConfigHint = "let nobody but administrators write to it and to the folder that it lies in"

// installOptions is what the service of a config needs.
func (con *console) installOptions(c *config.Config) (o installer.Options, _ error) {
	o = installer.Options{Version: programVersion(), Home: privateHome(), Private: []string{c.DataDir}, Tell: con.tellf}
	if c.File != config.Place() {
		o.Config = c.File
	}
	if err := strangersIn(c.DataDir); err != nil {
		return o, &setupError{err: err}
	}
	tokens := c.TokenSource()
	switch _, err := tokens.Token(); {
	case err == nil && !filepath.IsAbs(tokens.From()):
		return o, hinted(&setupError{err: fmt.Errorf("the token is in %s, which a service does not see", tokens.From()), token: true},
			[]string{"`tillpost token set` stores it where the service finds it"})
	case err == nil:
		o.Secrets = []string{tokens.From()}
	case !errors.Is(err, config.ErrNoToken) || !credentialStored():
		return o, &setupError{err: err, token: true}
	}
	for _, s := range c.Sources {
		o.Reads = append(o.Reads, s.Folder)
		if s.After != "keep" {
			o.Writes = append(o.Writes, s.Folder)
		}
		if s.After == "archive" && s.Archive.Folder != "" {
			o.Writes = append(o.Writes, s.Archive.Folder)
		}
	}
	if c.Log.File != "" {
		o.Logs = filepath.Dir(c.Log.File)
	}
	if c.DataDir != config.DataPlace() {
		o.Writes = append(o.Writes, c.DataDir)
	}
	return o, nil
}

// tellf prints a line that the installer says.
func (con *console) tellf(format string, args ...any) {
	con.printf("%s\n", plain(fmt.Sprintf(format, args...)))
}

const firstLook = 20 * time.Second // for a service that has just started to answer and look at its folders

// showFirstLook tells what the service says of its folders and of the API, once it has looked.
func (con *console) showFirstLook(ctx context.Context, c *config.Config) {
	var last *agent.Status
	for end := time.Now().Add(firstLook); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(agentPoll) {
		s, ok := askAgent(ctx, c)
		if !ok {
			continue
		}
		if last = &s; looked(s) {
			break
		}
	}
	if last == nil {
		con.printf("`tillpost open` shows how it goes in the browser, `tillpost status` here, as an administrator; `tillpost check` looks at all of it\n")
		return
	}
	for _, s := range last.Sources {
		state := s.State
		if s.Problem != "" {
			state += ": " + s.Problem
		}
		con.printf("source %s: %s: %s\n", plain(s.Name), plain(s.Folder), plain(state))
	}
	con.hints(statusHints(c, *last))
	con.printf("`tillpost open` shows how it goes in the browser, `tillpost status` here; `tillpost check` looks at all of it\n")
}

const agentPoll = 200 * time.Millisecond

// askAgent asks the running agent for its status.
func askAgent(ctx context.Context, c *config.Config) (agent.Status, bool) {
	ctx, cancel := context.WithTimeout(ctx, deskTime)
	defer cancel()
	d, err := agent.DialDesk(ctx, c)
	if err != nil {
		return agent.Status{}, false
	}
	defer d.Close() // a connection
	s, err := d.Status(ctx)
	return s, err == nil
}

// looked reports whether each folder has been looked at.
func looked(s agent.Status) bool {
	for _, src := range s.Sources {
		if src.State == "starting" {
			return false
		}
	}
	return true
}

func (con *console) uninstallCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "uninstall [--config FILE] [--purge]",
		Short: "take the service off this computer",
		Long: "uninstall stops the service and removes it. The config, the token and what waits to be sent stay, so that a later\n" +
			"`tillpost install` goes on where it was; --purge removes them too.",
		Example: "  tillpost uninstall",
		Args:    noArguments,
	}
	path := configFlag(cmd)
	purge := cmd.Flags().Bool("purge", false, "remove the config, the token, the archive and what waits to be sent too")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := serviceConfig(cmd.Context(), *path)
		if err != nil && *purge && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("find what is to be removed: %w", err)
		}
		var p installer.Purging
		if *purge {
			p = purging(c)
		}
		if err := installer.Uninstall(cmd.Context(), p, con.tellf); err != nil {
			return err
		}
		if !*purge {
			con.printf("the config, the token and what waits to be sent stay; `tillpost uninstall --purge` removes them\n")
		}
		return nil
	}
	return cmd
}

// serviceConfig is the config that a flag or the environment names, else the one that the service uses, else the usual one.
func serviceConfig(ctx context.Context, flag string) (*config.Config, error) {
	if flag == "" && os.Getenv("TILLPOST_CONFIG") == "" {
		if state, err := installer.Query(ctx); err == nil {
			flag = state.Config
		}
	}
	return loadConfig(flag)
}

// purging is all that tillpost has written by a config; nil = by none.
func purging(c *config.Config) (p installer.Purging) {
	file, data := config.Place(), config.DataPlace()
	p.User = true
	if c != nil {
		file, data = c.File, c.DataDir
		if stated := c.API.TokenFile; stated != "" {
			if _, err := config.ReadTokenFile(stated); err == nil { // also where others can read it; what holds something else is not ours
				p.Files = append(p.Files, stated)
			}
		}
	}
	if data == config.DataPlace() {
		p.Trees = append(p.Trees, data)
	} else { // the folder may be somebody else's too
		trees, files := dataFiles(data, c)
		p.Trees, p.Files = append(p.Trees, trees...), append(p.Files, files...)
		p.Folders = append(p.Folders, filepath.Join(data, "archive"), filepath.Join(data, "logs"), data)
	}
	copies, _ := filepath.Glob(globWord(file) + ".????????-??????*.bak") // its pattern is a right one
	home := filepath.Dir(config.Place())
	p.Files = append(append(p.Files, file), copies...)
	p.Files = append(p.Files, filepath.Join(home, "token"), filepath.Join(home, packageLog))
	p.Folders = append(p.Folders, filepath.Dir(file), config.DataPlace(), home)
	return p
}

// packageLog is where the package for Windows' installer says what went wrong, beside the config.
const packageLog = "package.log"

// The names of what an agent makes in its data folder; ARCHITECTURE.md lists them. Of the folders archive and logs it has only
// what is called after its sources, and its log.
var (
	dataNames   = []string{"outbox.*", "agent.json", "agent-*.tmp", ".tillpost-check-*"}
	dataFolders = []string{"spill", "named", "listed", "rejects", "held"}
	logNames    = []string{"tillpost.log", "tillpost-*.log"}
)

// dataFiles are the paths of what an agent has made in a data folder.
func dataFiles(dir string, c *config.Config) (trees, files []string) {
	add := func(list *[]string, under string, names ...string) {
		for _, name := range names {
			found, _ := filepath.Glob(filepath.Join(globWord(under), name)) // its pattern is a right one
			*list = append(*list, found...)
		}
	}
	add(&files, dir, dataNames...)
	add(&trees, dir, dataFolders...)
	add(&files, filepath.Join(dir, "logs"), logNames...)
	if c != nil {
		for _, s := range c.Sources {
			add(&trees, filepath.Join(dir, "archive"), globWord(s.Name))
		}
	}
	return trees, files
}

// strangersIn says what in a data folder is none of an agent's: it must be a folder of its own before the service is given all of it.
func strangersIn(dir string) error {
	if dir == config.DataPlace() {
		return nil
	}
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	known := append(append([]string{"archive", "logs", "*.log"}, dataNames...), dataFolders...)
	for _, entry := range list {
		if !slices.ContainsFunc(known, func(pattern string) bool { ok, _ := filepath.Match(pattern, entry.Name()); return ok }) {
			return fmt.Errorf("data_dir, %s, holds %s, which is not tillpost's; it must be a folder of its own", dir, entry.Name())
		}
	}
	return nil
}

// globWord is a path that a pattern takes as it is.
func globWord(path string) string {
	if filepath.Separator == '\\' {
		return strings.NewReplacer("[", "[[]").Replace(path)
	}
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "*", `\*`, "?", `\?`).Replace(path)
}

// replacesCommand is for the scripts in the archives, which put the program into its place themselves.
func (con *console) replacesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "replaces PROGRAM",
		Short:  "for the archives: whether this program may take the place of another",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return installer.NotOlder(cmd.Context(), programVersion(), args[0])
	}
	return cmd
}

func (con *console) startCommand() *cobra.Command {
	return con.serving(installer.Start, true, &cobra.Command{
		Use:     "start [--config FILE]",
		Short:   "start the service",
		Example: "  tillpost start",
	})
}

func (con *console) stopCommand() *cobra.Command {
	return con.serving(installer.Stop, false, &cobra.Command{
		Use:   "stop [--config FILE]",
		Short: "stop the service, until the computer's next start",
		Long: "stop ends the service in order: requests on their way have 10 s, and what is not sent waits on disk. It starts again with\n" +
			"the computer; `tillpost pause` keeps updates back for longer.",
		Example: "  tillpost stop",
	})
}

func (con *console) restartCommand() *cobra.Command {
	return con.serving(installer.Restart, true, &cobra.Command{
		Use:   "restart [--config FILE]",
		Short: "stop the service and start it again",
		Long: "restart stops the service and starts it again. A changed config or token needs none: it is taken up while the service\n" +
			"runs.",
		Example: "  tillpost restart",
	})
}

// serving makes cmd do something with the service; begins says that it runs then.
func (con *console) serving(do func(context.Context, func(string, ...any)) error, begins bool, cmd *cobra.Command) *cobra.Command {
	cmd.Args = noArguments
	path := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := do(cmd.Context(), con.tellf); err != nil || !begins {
			return err
		}
		if c, err := serviceConfig(cmd.Context(), *path); err == nil {
			con.showFirstLook(cmd.Context(), c)
		}
		return nil
	}
	return cmd
}
