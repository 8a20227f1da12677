package cli

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tillpost/config"
)

// sourceOf is the source that an export is read as: the one that is asked for, else the one whose folder holds it, else
// the only one.
func sourceOf(cmd *cobra.Command, c *config.Config, asked, file string) (config.Source, error) {
	if asked != "" {
		for _, s := range c.Sources {
			if s.Name == asked {
				return s, nil
			}
		}
		return config.Source{}, wrongUse(cmd, "--source: there is no source %q; there are %s", asked, sourceNames(c.Sources))
	}
	holding := holders(c.Sources, file)
	if len(holding) > 1 {
		if fit := fitting(holding, filepath.Base(file)); len(fit) == 1 {
			holding = fit
		}
	}
	switch {
	case len(holding) == 1:
		return holding[0], nil
	case len(holding) > 1:
		return config.Source{}, wrongUse(cmd, "%s lies in the folder of several sources: say which by --source: %s", file, sourceNames(holding))
	case len(c.Sources) == 1:
		return c.Sources[0], nil
	}
	return config.Source{}, wrongUse(cmd, "%s lies in no source's folder: say how to read it by --source: %s", file, sourceNames(c.Sources))
}

func sourceNames(sources []config.Source) string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

// holders are the sources whose folder holds the file, the nearest folder above it only.
func holders(sources []config.Source, file string) []config.Source {
	full, err := filepath.Abs(file)
	if err != nil {
		return nil
	}
	for dir := filepath.Dir(full); ; dir = filepath.Dir(dir) {
		if found := inFolder(sources, dir); len(found) > 0 || dir == filepath.Dir(dir) {
			return found
		}
	}
}

// inFolder are the sources that watch the folder dir, by whatever name.
func inFolder(sources []config.Source, dir string) (found []config.Source) {
	about, err := os.Stat(dir)
	if err != nil {
		return nil
	}
	for _, s := range sources {
		if other, err := os.Stat(s.Folder); err == nil && os.SameFile(about, other) {
			found = append(found, s)
		}
	}
	return found
}

// fitting are the sources that take a file of that name.
func fitting(sources []config.Source, base string) (fit []config.Source) {
	for _, s := range sources {
		for _, glob := range s.Files {
			if ok, err := path.Match(strings.ToLower(glob), strings.ToLower(base)); ok && err == nil {
				fit = append(fit, s)
				break
			}
		}
	}
	return fit
}
