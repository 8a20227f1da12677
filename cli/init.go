package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"tillpost/config"
	"tillpost/export"
)

// installFunc installs the service that runs with a config, and tells of it.
type installFunc func(ctx context.Context, con *console, configPath string) error

// initCommand makes `init`, which offers to install.
func (con *console) initCommand(install installFunc) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init [--url URL] [--folder FOLDER] [--token-file FILE] [--config FILE] [--replace] [--yes] [--json]",
		Short: "set it up: asks what it must know, tries it, writes the config",
		Long: "init sets tillpost up. At a terminal it asks for the API's address and token and tries them, looks for the folder of the\n" +
			"exports, reads the newest one and asks what that leaves open. Then it writes the config with comments in it, and stores\n" +
			"the token as `token set` does. Nothing is written before the end. A config that is there is never touched unasked, and one that\n" +
			"says all of it already is left alone; with --replace it stays beside the new one as a copy.\n\n" +
			"With --yes or --json, or without a terminal, it asks nothing: the flags say it all, and one that is missing is an error.\n" +
			"An API that does not answer is a warning then; one that does not take the token is an error, and nothing is written.\n" +
			"The exit status is 3 where the config is written and the newest export would be refused with it.",
		Example: "  tillpost init\n" +
			"  tillpost init --url https://YOUR_URL --token-file token.txt --folder /srv/pos/export --store 3 --yes\n" +
			"  tillpost init --url https://YOUR_URL --token-file - --folder /srv/pos/export --stores \"Main Street=3\" --stores Airport=4 < token.txt",
		Args: noArguments,
	}
	o := initFlagsOf(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s := &setup{con: con, cmd: cmd, o: o, in: cmd.InOrStdin(), install: install, look: &checkup{con: con, width: len("connection")}}
		if in, ok := s.in.(*os.File); ok && con.err.file != nil && term.IsTerminal(int(in.Fd())) && !o.yes && !o.asJSON {
			s.ask = askerOf(in, con.err.file, con.err.columns)
		}
		return s.run(cmd.Context())
	}
	return cmd
}

// initFlags are what the command line says.
type initFlags struct {
	config, url, tokenFile, dataDir     string
	proxy, caFile                       string
	folders, files                      []string
	store, preset, missing, after       string
	stores, columns                     *[]wordPair
	lines                               []string
	replace, offline, yes, inst, asJSON bool
}

// wordPair is `word=other`.
type wordPair struct{ word, other string }

func parsePair(text string) (wordPair, error) {
	i := strings.LastIndexByte(text, '=') // a name may have one in it, a code hardly
	if i <= 0 {
		return wordPair{}, errors.New("is not two words with = between them")
	}
	return wordPair{strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])}, nil
}

// parseColumn is parsePair for a field and its heading, which may have a = in it.
func parseColumn(text string) (wordPair, error) {
	field, heading, ok := strings.Cut(text, "=")
	if !ok {
		return wordPair{}, errors.New("is not a field and its column with = between them")
	}
	return wordPair{strings.TrimSpace(field), strings.TrimSpace(heading)}, nil
}

// initFlagsOf gives the command its flags.
func initFlagsOf(cmd *cobra.Command) *initFlags {
	o := &initFlags{}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "the config that is written, a `FILE` (default: $TILLPOST_CONFIG, then the platform's place)")
	f.StringVar(&o.url, "url", "", "the API's `URL`, as your retailer gave it")
	f.StringVar(&o.tokenFile, "token-file", "", "read the API's token from `FILE`, - for standard input, and store it protected")
	f.StringVar(&o.dataDir, "data-dir", "", "the `FOLDER` for what is not delivered yet (default: the platform's place)")
	f.StringVar(&o.proxy, "proxy", "", "the `URL` of the proxy that this network wants, http://HOST:PORT")
	f.StringVar(&o.caFile, "ca-file", "", "the `FILE` with the root certificate of a network that signs certificates by itself")
	f.StringArrayVar(&o.folders, "folder", nil, "a `FOLDER` that the POS drops its exports into; can be given several times")
	f.StringArrayVar(&o.files, "files", nil, "which files in it are exports, such as \"*.csv\": a `GLOB`; can be given several times")
	f.StringVar(&o.store, "store", "", "the API's `CODE` of the store, where no column says it")
	o.stores = listOf(cmd, "stores", "the POS's word for a store and the API's code: `WORD=CODE`; can be given several times", parsePair)
	o.columns = listOf(cmd, "columns", "the column of a field, such as quantity=\"On Hand\": `FIELD=COLUMN`; can be given several times", parseColumn)
	f.StringVar(&o.preset, "preset", "", "the POS that writes the exports, by its `NAME` (default: found by the headings)")
	f.StringVar(&o.missing, "missing", "", "what an export no longer names, a `WORD`: keep, or zero once two in a row lack it (default keep)")
	f.StringVar(&o.after, "after", "", "what becomes of an export that was taken, a `WORD`: keep, archive or delete (default keep)")
	f.StringArrayVar(&o.lines, "line", nil, "a `LINE` of the config that preview asks for, such as \"duplicates: sum\"; can be given several times")
	f.BoolVar(&o.replace, "replace", false, "write a new config where there is one, which stays beside it as a copy")
	f.BoolVar(&o.offline, "offline", false, "do not try the API; the token can be stored later, by token set")
	f.BoolVar(&o.inst, "install", false, "install the service afterwards")
	f.BoolVar(&o.yes, "yes", false, "ask nothing")
	f.BoolVar(&o.asJSON, "json", false, "ask nothing, and print one JSON object: what was written, and what is open")
	for _, flag := range []string{"config", "token-file", "data-dir", "folder", "ca-file"} {
		complete(cmd, flag, fileChoices)
	}
	complete(cmd, "preset", keyChoices("sources[].preset"))
	complete(cmd, "missing", keyChoices("sources[].missing"))
	complete(cmd, "after", keyChoices("sources[].after"))
	return o
}

// setup makes one config. It promises:
//
//  1. Nothing is written before write, but a folder that a person wants made; and nothing is written where a step fails, or a person leaves.
//  2. What is written says just what the draft says, and is read once more by config before that.
//  3. A config that is there is replaced only on demand, in one step, and a copy of it is kept.
//  4. Where nobody is asked, it never waits for an answer; what is missing is an error that names the flag.
//  5. The token is in nothing that is told or written, but in its own protected store. (Promise 11.)
type setup struct {
	con     *console
	cmd     *cobra.Command
	o       *initFlags
	in      io.Reader
	ask     asker // nil = nothing is asked
	install installFunc
	look    *checkup // finds the words for what is found

	draft  draft
	exists bool           // there is a config
	same   bool           // and it is what would be written
	old    *config.Config // that one; nil = it cannot be read
	token  string         // to be stored; "" = none
	stored string         // the token that stays; "" = none does
	kept   string         // where that is, or where the other one was stored
	silent []string       // folders that do not answer
	result initResult
}

// initResult is what `init --json` prints.
type initResult struct {
	Config  string       `json:"config"`
	Backup  string       `json:"backup,omitempty"`
	Token   string       `json:"token,omitempty"` // where it is
	API     *initAPI     `json:"api,omitempty"`   // absent = it was not tried
	Sources []initSource `json:"sources"`
	Open    []string     `json:"open,omitempty"`  // what a person must still say
	Error   string       `json:"error,omitempty"` // why it failed
}

type initAPI struct {
	State string `json:"state"` // ok, unreachable, trouble, token, other
	Found string `json:"found,omitempty"`
}

type initSource struct {
	Name   string `json:"name"`
	Folder string `json:"folder"`
	Export string `json:"export,omitempty"` // the newest; absent = there is none
	*export.Summary
	Error string `json:"error,omitempty"` // why it would be refused
	Write string `json:"write,omitempty"` // the line that is asked for
}

// run asks, tries and writes.
func (s *setup) run(ctx context.Context) error {
	err := s.steps(ctx)
	if _, usage := errors.AsType[*usageError](err); usage || !s.o.asJSON {
		return err
	}
	if err != nil && !errors.Is(err, errPartial) {
		s.result.Error = s.look.redact(errorText(err))
	}
	s.con.json(s.result)
	return err
}

// errSame ends an init that would write what is there already.
var errSame = errors.New("the config says all that already")

func (s *setup) steps(ctx context.Context) error {
	all := []func(context.Context) error{s.tryAPI, s.watchFolders, s.readExports, s.confirm, s.write, s.end}
	switch err := s.begin(ctx); {
	case errors.Is(err, errSame): // what is open is told again
		all = []func(context.Context) error{s.watchFolders, s.readExports, s.end}
	case err != nil:
		return err
	}
	for _, step := range all {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// begin takes what the flags say, and looks whether there is a config, and whether one can be written.
func (s *setup) begin(ctx context.Context) error {
	path, err := filepath.Abs(config.Find(s.o.config))
	if err != nil {
		return fmt.Errorf("find the folder of the config: %w", err)
	}
	s.draft.path, s.result.Config, s.result.Sources = path, path, []initSource{}
	about, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("look for the config: %w", err)
	case !about.Mode().IsRegular():
		return fmt.Errorf("write the config: %s is not a regular file", path)
	default:
		s.exists = true
		if s.old, err = config.Load(path); err != nil {
			s.old = nil // its copy stays
		}
	}
	if err := s.takeFlags(); err != nil {
		return err
	}
	if err := s.lacking(ctx); err != nil {
		return err
	}
	if err := s.mayWrite(ctx); err != nil {
		return err
	}
	if s.ask != nil {
		s.tell("This makes tillpost's config, %s. Nothing is written before the end; Ctrl-C stops.\n", plain(path))
	}
	return s.meetOld(ctx)
}

// mayWrite looks whether the config can be written, before a person answers questions for nothing.
func (s *setup) mayWrite(ctx context.Context) error {
	dir := filepath.Dir(s.draft.path)
	hints := []string{"on Windows open the command prompt by a right click and \"Run as administrator\", on Linux begin the command with sudo; --config writes it elsewhere"}
	p, ok := within(ctx, fileTime, func(context.Context) place { return placeOf(dir, true) })
	switch {
	case samePath(dir, filepath.Dir(config.TokenPlace())) && !elevated():
		return hinted(fmt.Errorf("write the config %s: that takes an administrator's rights", s.draft.path), hints)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !ok:
		return fmt.Errorf("write the config: %s does not answer within %v", dir, fileTime)
	case p.err != nil:
		return fmt.Errorf("write the config: %w", p.err)
	case errors.Is(p.writeErr, os.ErrPermission):
		return hinted(fmt.Errorf("write the config %s: %w", s.draft.path, p.writeErr), hints)
	case p.writeErr != nil:
		return fmt.Errorf("write the config %s: %w", s.draft.path, p.writeErr)
	}
	return nil
}

// meetOld asks what becomes of a config that is there.
func (s *setup) meetOld(ctx context.Context) error {
	path := s.draft.path
	switch {
	case s.exists && s.ask == nil && s.saysTheSame():
		err := s.tokenIsTheSame(ctx)
		s.same = err == nil
		return cmp.Or(err, errSame)
	case s.exists && s.old == nil && s.o.dataDir == "" && s.hidesPlaces():
		return hinted(fmt.Errorf("the config that is there, %s, cannot be read, and it says where its data or its token are; it was not touched", path),
			[]string{"`tillpost check` says what is wrong in it; mend that first, or give --data-dir"})
	case !s.exists || s.o.replace:
		return nil
	case s.ask == nil:
		return hinted(fmt.Errorf("there is a config already, %s; it was not touched", path),
			[]string{"`tillpost check` looks whether it is right; --replace writes a new one and keeps it beside that as a copy"})
	}
	const keep, replace = "keep", "replace"
	answer, err := s.ask.choose(ctx, question{"There is a config already. What shall become of it?", path}, []option{
		{"leave it as it is, and stop", keep},
		{"write a new one, and keep this one beside it as a copy", replace},
	}, keep)
	if err == nil && answer == keep {
		err = errLeft
	}
	return err
}

// saysTheSame reports whether the config that is there is what would be written, and its token can be read.
func (s *setup) saysTheSame() bool {
	text, err := os.ReadFile(s.draft.path)
	if err != nil || string(text) != s.draft.text() || s.old == nil {
		return false
	}
	tokens := s.old.TokenSource()
	if s.stored, err = tokens.Token(); err != nil {
		return false
	}
	s.kept, s.result.Token = tokens.From(), tokens.From()
	return true
}

// tokenIsTheSame is an error where another token was given than the one that is stored.
func (s *setup) tokenIsTheSame(ctx context.Context) error {
	if s.o.tokenFile == "" {
		return nil
	}
	given, err := s.tokenGiven(ctx)
	if err != nil {
		return givenWrong(err)
	}
	if given != s.stored {
		return hinted(fmt.Errorf("the config that is there, %s, says the same, but the token that is stored, in %s, is another one; nothing was touched", s.draft.path, s.kept),
			[]string{"`tillpost token set` stores a new token; --replace writes both anew"})
	}
	return nil
}

// hidesPlaces reports whether a config that cannot be read may say where its data and its token are: a new one would leave both behind.
func (s *setup) hidesPlaces() bool {
	text, err := os.ReadFile(s.draft.path)
	return err == nil && (bytes.Contains(text, []byte("data_dir")) || bytes.Contains(text, []byte("token_file")))
}

// takeFlags puts what the flags say into the draft. Its errors name the flag.
func (s *setup) takeFlags() error {
	d, o := &s.draft, s.o
	var err error
	s.cmd.Flags().Visit(func(f *pflag.Flag) {
		if !utf8.ValidString(f.Value.String()) {
			err = wrongUse(s.cmd, "--%s: %q is not UTF-8, which a config is", f.Name, f.Value)
		}
	})
	if err != nil {
		return err
	}
	if err := s.takeOld(); err != nil {
		return err
	}
	if o.dataDir != "" {
		d.dataDir = absolute(o.dataDir)
	}
	d.url = strings.TrimSpace(o.url)
	if o.proxy != "" {
		put(&d.api, "proxy", scalar(o.proxy))
	}
	if o.caFile != "" {
		put(&d.api, "ca_file", scalar(absolute(o.caFile)))
	}
	for _, line := range o.lines {
		if err := d.write(line); err != nil {
			return wrongUse(s.cmd, "--line: %q %s", line, err)
		}
	}
	s.takeReading()
	for _, folder := range o.folders {
		d.watch(absolute(folder), s.old)
	}
	if _, err := d.config(); err != nil {
		return s.wrongFlags(err)
	}
	return nil
}

// lacking names the flags without which nothing can be written where nobody can be asked.
func (s *setup) lacking(ctx context.Context) error {
	if s.ask != nil {
		return nil
	}
	var missing []string
	if s.draft.url == "" {
		missing = append(missing, "--url")
	}
	if len(s.draft.folders) == 0 {
		missing = append(missing, "--folder")
	}
	if s.o.tokenFile == "" && !s.o.offline && s.storedToken(ctx).missing() {
		missing = append(missing, "--token-file")
	}
	if len(missing) > 0 {
		return wrongUse(s.cmd, "%s: missing, and nobody can be asked here", strings.Join(missing, ", "))
	}
	return nil
}

// takeReading puts the flags for the reading of exports into the draft.
func (s *setup) takeReading() {
	d, o := &s.draft, s.o
	for key, word := range map[string]string{"preset": o.preset, "missing": o.missing, "after": o.after} {
		if word != "" {
			d.setWord(key, word)
		}
	}
	if len(o.files) > 0 {
		d.setFiles(o.files)
	}
	if s.cmd.Flags().Changed("store") {
		d.setIn("defaults", "store", scalar(o.store))
		if len(o.folders) > 1 {
			s.warn("--store counts for each --folder: where they are several stores, give each folder's source its own `defaults: {store: ...}` in the config")
		}
	}
	for _, p := range *o.stores {
		d.setIn("stores", p.word, scalar(p.other))
	}
	for _, p := range *o.columns {
		d.setIn("columns", p.word, columnOf(p.other))
	}
}

// takeOld takes over what must not get lost with the config of before: where its data and its token are.
func (s *setup) takeOld() error {
	plain, err := (&draft{path: s.draft.path}).config()
	if err != nil {
		return fmt.Errorf("make up a config: %w", err)
	}
	if s.old != nil {
		s.draft.tokenFile = s.old.API.TokenFile
		if s.old.DataDir != plain.DataDir {
			s.draft.dataDir = s.old.DataDir
		}
		if text, err := os.ReadFile(s.draft.path); err == nil {
			s.draft.keep(text)
		}
	}
	beside := s.tokenBeside()
	if _, err := os.Stat(beside); err == nil && s.draft.tokenFile == "" && !samePath(beside, config.TokenPlace()) {
		s.draft.tokenFile = beside
	}
	return nil
}

// tokenBeside is the token's place beside the config. That of the platform's config is the platform's own.
func (s *setup) tokenBeside() string { return filepath.Join(filepath.Dir(s.draft.path), "token") }

// samePath reports whether two paths are one, as far as their text tells.
func samePath(a, b string) bool {
	return a == b || runtime.GOOS == "windows" && strings.EqualFold(a, b)
}

// absolute is a path as this command means it: in the config, a relative one would mean the config's folder. A path that
// begins with ~ stays, for the config says what is wrong with it.
func absolute(path string) string {
	path = strings.Trim(strings.TrimSpace(path), `"`) // as Windows copies it
	if path == "" || strings.HasPrefix(path, "~") {
		return path
	}
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// wrongFlags says what is wrong with the flags that the draft is from.
func (s *setup) wrongFlags(err error) error {
	problems, ok := errors.AsType[*config.Problems](err)
	if !ok {
		return err
	}
	var lines []string
	for _, p := range problems.List {
		key := p.Key
		if _, rest, of := strings.Cut(key, "]."); of {
			key = rest
		}
		line := flagFor(key) + ": " + p.What
		if strings.Contains(key, ".") && key != "api.url" || flagFor(key) == "--line" {
			line = flagFor(key) + ": " + key + " " + p.What
		}
		if !slices.Contains(lines, line) { // each source has it
			lines = append(lines, line)
		}
	}
	return wrongUse(s.cmd, "%s", strings.Join(lines, "\n"))
}

// flagFor is the flag that says what a key of the config is.
func flagFor(key string) string {
	group, _, _ := strings.Cut(key, ".")
	switch group {
	case "api":
		if key == "api.token_file" { // which lies beside the config
			return "--config"
		}
		return "--url"
	case "data_dir":
		return "--data-dir"
	case "defaults":
		return "--store"
	case "folder", "files", "stores", "columns", "preset", "missing", "after":
		return "--" + group
	}
	return "--line"
}

// tell prints for a person.
func (s *setup) tell(format string, args ...any) {
	if !s.o.asJSON {
		s.con.printf("%s", s.look.redact(fmt.Sprintf(format, args...)))
	}
}

// warn warns of what it goes on in spite of.
func (s *setup) warn(format string, args ...any) {
	s.con.warn("%s", s.look.redact(fmt.Sprintf(format, args...)))
}
