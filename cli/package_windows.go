package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/windows/registry"

	"tillpost/config"
	"tillpost/installer"
)

// packageCommands are what the package for Windows' installer calls, as the system and unseen: what goes wrong is in Windows'
// event log, and in package.log beside the config.
func (con *console) packageCommands() []*cobra.Command {
	setUp := &cobra.Command{
		Use:    "package-setup",
		Short:  "for the package: set up what it has installed",
		Hidden: true,
		Args:   noArguments,
	}
	setUp.RunE = func(cmd *cobra.Command, _ []string) error { return told(con.packageSetUp(cmd.Context())) }
	remove := &cobra.Command{
		Use:    "package-remove",
		Short:  "for the package: prepare its removal",
		Hidden: true,
		Args:   noArguments,
	}
	purge := remove.Flags().Bool("purge", false, "remove config, token and data too")
	remove.RunE = func(cmd *cobra.Command, _ []string) error { return told(con.packageRemove(cmd.Context(), *purge)) }
	return []*cobra.Command{setUp, remove}
}

// told is err, once it is told.
func told(err error) error {
	if err != nil {
		text := "the package cannot be set up or removed: " + errorText(err)
		if h := hint(err); h != "" {
			text += "\r\n" + h
		}
		tellSetUp(text)
	}
	return err
}

// tellSetUp tells what nobody would hear: in the event log, and beside the config, unless that folder is not safe.
func tellSetUp(text string) {
	installer.TellEvent(text)
	home := filepath.Dir(config.Place())
	if installer.MakeHome(home) != nil {
		return
	}
	f, err := os.OpenFile(filepath.Join(home, packageLog), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return // the event log has it
	}
	_, _ = fmt.Fprintf(f, "%s %s\r\n", time.Now().Format(time.DateTime), text) // the same
	_ = f.Close()
}

// given is what the package was told by its properties; the installer keeps it in the registry.
type given struct{ url, folder, store, tokenFile string }

func readGiven() (g given, err error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, installer.PackageKey, registry.QUERY_VALUE)
	if errors.Is(err, os.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return g, fmt.Errorf("read what the package was told: %w", err)
	}
	defer k.Close() // it is only read
	for name, to := range map[string]*string{"Url": &g.url, "Folder": &g.folder, "Store": &g.store, "TokenFile": &g.tokenFile} {
		text, _, err := k.GetStringValue(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return g, fmt.Errorf("read what the package was told: %s: %w", name, err)
		}
		*to = strings.TrimSpace(text)
	}
	return g, nil
}

// packageSetUp makes a config of what the package was told, where there is none, and brings the service into order. One that
// was there before is used as it is: that something is wrong with it keeps no newer program from being installed.
func (con *console) packageSetUp(ctx context.Context) error {
	if err := installer.MakeHome(filepath.Dir(config.Place())); err != nil { // before anything in it is believed
		return err
	}
	g, err := readGiven()
	if err != nil {
		return err
	}
	path := config.Place() // or what somebody has given the service
	if state, err := installer.Query(ctx); err == nil && state.Config != "" {
		path = state.Config
	}
	_, err = os.Stat(path)
	switch isNew := errors.Is(err, os.ErrNotExist) && path == config.Place(); {
	case isNew && g.url == "" && g.folder == "" && g.tokenFile == "":
		return installer.Install(ctx, con.bare()) // `tillpost init` goes on from here
	case isNew:
		if err := con.initGiven(ctx, g); err != nil {
			return err
		}
	default:
		if c, err := loadConfig(path); err == nil {
			con.tokenGiven(g, c)
		}
	}
	o, err := con.packageOptions(path)
	if err != nil {
		tellSetUp("the package is installed; its service cannot work yet: " + errorText(err))
		o = con.bare()
		if path != config.Place() {
			o.Config = path
		}
		o.NoStart = false // it tries again and again, and works once that is mended
	}
	err = installer.Install(ctx, o)
	if _, ended := errors.AsType[*installer.EndedError](err); ended {
		tellSetUp(errorText(err))
		return nil
	}
	return err
}

func (con *console) packageOptions(path string) (installer.Options, error) {
	c, err := loadConfig(path)
	if err != nil {
		return installer.Options{}, err
	}
	o, err := con.installOptions(c)
	o.Tell, o.InPlace = unheard, true
	return o, err
}

// unheard is where what was done is told: there is no output, and a write to it would fail.
func unheard(string, ...any) {}

// bare is what can be set up without a config.
func (con *console) bare() installer.Options {
	return installer.Options{Home: filepath.Dir(config.Place()), Private: []string{config.DataPlace()}, NoStart: true, InPlace: true, Tell: unheard}
}

// initGiven writes the config as `tillpost init` does for a script. What the newest export leaves open is told in the event log.
func (con *console) initGiven(ctx context.Context, g given) error {
	args := []string{"init", "--yes", "--config", config.Place()}
	if g.tokenFile == "" {
		args = append(args, "--offline") // `tillpost token set` is to follow
	}
	for _, flag := range [][2]string{{"--url", g.url}, {"--folder", g.folder}, {"--store", g.store}, {"--token-file", g.tokenFile}} {
		if flag[1] != "" {
			args = append(args, flag[0]+"="+flag[1])
		}
	}
	var said bytes.Buffer
	other := newConsole(&said, &said)
	root := other.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	other.behind.flush()
	if errors.Is(err, errPartial) {
		tellSetUp("the config is written, and something is still open:\r\n" + said.String())
		return nil
	}
	return err
}

// tokenGiven stores the token from the file that was named, where there is none yet: one that is there may be newer than what the
// file holds, and that file may be long gone. What is wrong with it is told, and keeps no newer program from being installed.
func (con *console) tokenGiven(g given, c *config.Config) {
	tokens := c.TokenSource()
	if _, err := tokens.Token(); err == nil || g.tokenFile == "" {
		return
	}
	text, err := os.ReadFile(g.tokenFile)
	defer clear(text)
	if err == nil {
		_, err = tokens.Store(text)
	}
	if err != nil {
		tellSetUp("the token of TOKENFILE is not stored: " + errorText(err))
	}
}

// packageRemove stops the service before it is removed, and removes with purge what it has left on the disk.
func (con *console) packageRemove(ctx context.Context, purge bool) error {
	var p installer.Purging
	if purge {
		c, err := serviceConfig(ctx, "")
		if err != nil {
			c = nil // what lies in the platform's places
		}
		p = purging(c)
	}
	return installer.UnpackFor(ctx, p, unheard)
}
