package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"tillpost/config"
	"tillpost/watcher"
)

// watchFolders looks at the folders of the exports, and finds one where no flag says it.
func (s *setup) watchFolders(ctx context.Context) error {
	var places []foundFolder
	if len(s.draft.folders) == 0 {
		s.tell("\nLooking for folders with exports ...\n")
		roots, _ := within(ctx, findTime, func(context.Context) []findRoot { return exportRoots() })
		places = findFolders(ctx, roots)
	}
	for i := 0; i < len(s.draft.folders) || i == 0; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(s.draft.folders) == 0 {
			folder, err := s.askFolder(ctx, places)
			if err != nil {
				return err
			}
			if err := s.draft.wrongFolder(folder); err != nil {
				s.warn("%s: %s", folder, err)
				continue
			}
			s.draft.watch(folder, s.old)
		}
		good, err := s.lookAt(ctx, i)
		if err != nil {
			return err
		}
		if good {
			i++
			continue
		}
		s.draft.folders = append(s.draft.folders[:i], s.draft.folders[i+1:]...)
	}
	return nil
}

// askFolder asks for the folder: one of those found, or a typed one.
func (s *setup) askFolder(ctx context.Context, places []foundFolder) (string, error) {
	const typed = ""
	if len(places) > 0 {
		var options []option
		for _, p := range places {
			options = append(options, option{fmt.Sprintf("%s   %s, %s ago", p.folder, clip(p.newest, 40), span(max(0, time.Since(p.at)))), p.folder})
		}
		options = append(options, option{"another one: I type it", typed})
		folder, err := s.ask.choose(ctx, question{"Into which folder does the POS drop its exports?", "These hold files that look like exports, with the newest of each."}, options, places[0].folder)
		if err != nil || folder != typed {
			return folder, err
		}
	}
	given := ""
	if s.old != nil {
		given = s.old.Sources[0].Folder
	}
	folder, err := s.ask.text(ctx, question{"Into which folder does the POS drop its exports?", "The whole path, such as " + exampleFolder + ". It need not be there yet."},
		given, func(text string) error {
			if text == "" {
				return errNothing
			}
			return s.draft.wrongFolder(absolute(text))
		})
	return absolute(folder), err
}

// lookAt looks at the folder of a source. It answers false where a person says that it is not the right one after all.
func (s *setup) lookAt(ctx context.Context, i int) (good bool, err error) {
	c, err := s.draft.config()
	if err != nil {
		return false, err
	}
	src := c.Sources[i]
	f := s.folder(ctx, src)
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case f.err != nil:
		return s.missingFolder(ctx, src, f.err)
	case f.Mapped != "":
		return true, s.mappedFolder(ctx, i, src, f.Mapped)
	}
	s.tell("folder      %s\n", plain(src.Folder))
	return true, nil
}

// folder looks at the folder of a source, and gives up on one that does not answer, once and for all.
func (s *setup) folder(ctx context.Context, src config.Source) folder {
	if slices.Contains(s.silent, src.Folder) {
		return folder{err: errSilent}
	}
	f, ok := within(ctx, fileTime, func(context.Context) folder { return folderOf(src, false) })
	if !ok {
		s.silent = append(s.silent, src.Folder)
		f.err = fmt.Errorf("%w within %v", errSilent, fileTime)
	}
	return f
}

// missingFolder deals with a folder that cannot be looked at. It answers false where a person gives another one.
func (s *setup) missingFolder(ctx context.Context, src config.Source, why error) (good bool, err error) {
	if s.ask == nil {
		s.warn("%s: %s; the agent waits for it", src.Folder, reason(why))
		return true, nil
	}
	const create, wait, other = "create", "wait", "other"
	about := src.Folder + ": " + reason(why)
	options := []option{{"keep it: tillpost waits for it", wait}, {"another one", other}}
	if errors.Is(why, fs.ErrNotExist) {
		options = append([]option{{"make it now", create}}, options...)
	}
	for {
		answer, err := s.ask.choose(ctx, question{"This folder cannot be read. What now?", about}, options, options[0].value)
		if err != nil || answer == other {
			return false, err
		}
		if answer == wait {
			s.tell("folder      %s\n", plain(src.Folder))
			return true, nil
		}
		if err := makeAsAbove(src.Folder); err != nil {
			about, options = "It cannot be made: "+errorText(err), options[1:]
			continue
		}
		s.tell("folder      %s, made just now; the POS must be allowed to write into it\n", plain(src.Folder))
		return true, nil
	}
}

// mappedFolder deals with a folder on a drive letter that only this person's session has.
func (s *setup) mappedFolder(ctx context.Context, i int, src config.Source, drive string) error {
	whole := ""
	if share := shareOf(drive); share != "" {
		whole = share + strings.TrimPrefix(src.Folder, drive)
	}
	if s.ask == nil || whole == "" {
		instead := `\\server\share\folder ("net use" shows what the letter stands for)`
		if whole != "" {
			instead = whole
		}
		s.warn("%s: the drive %s is a network share, and a service does not see the drive letters of a person's session; give it as %s", src.Folder, drive, instead)
		return nil
	}
	answer, err := s.ask.choose(ctx, question{"The drive " + drive + " is a network share. A service does not see its letter.", "The same folder without the letter is " + whole},
		[]option{{"take " + whole, whole}, {"keep " + src.Folder + ": tillpost will not run as a service", src.Folder}}, whole)
	if err == nil {
		s.draft.folders[i].folder = answer
		s.tell("folder      %s\n", plain(answer))
	}
	return err
}

// kind is files of a folder that are called alike.
type kind struct {
	glob   string
	newest watcher.File
	count  int
}

// kindsOf are the kinds of files in a folder, the one with the newest file first.
func kindsOf(files []watcher.File) (kinds []kind) {
	for _, file := range slices.Backward(files) {
		glob := family(file.Name)
		i := slices.IndexFunc(kinds, func(k kind) bool { return strings.EqualFold(k.glob, glob) })
		if i < 0 {
			i, kinds = len(kinds), append(kinds, kind{glob: glob, newest: file})
		}
		kinds[i].count++
	}
	return kinds
}

// askFiles asks which files in the folder of a source are exports, where there are several kinds.
func (s *setup) askFiles(ctx context.Context, i int) error {
	if s.ask == nil || s.draft.says("files") {
		return nil
	}
	c, err := s.draft.config()
	if err != nil {
		return err
	}
	src := c.Sources[i]
	f := s.folder(ctx, src)
	kinds := kindsOf(f.Files)
	if f.err != nil || len(kinds) < 2 {
		return nil
	}
	const all = "*"
	first, options := all, []option{}
	for _, k := range kinds[:min(shownFolders, len(kinds))] {
		var d draft
		if d.setFiles([]string{k.glob}); k.glob == all || d.wrong() != nil {
			continue
		}
		options = append(options, option{fmt.Sprintf("%s   %s, the newest %s, %s ago", k.glob, plural(k.count, "file"), clip(k.newest.Name, 40), span(max(0, time.Since(k.newest.ModTime())))), k.glob})
		path := filepath.Join(src.Folder, filepath.FromSlash(k.newest.Name))
		if yes, _ := within(ctx, tryTime, func(ctx context.Context) bool { return isExport(ctx, path) }); yes && first == all {
			first = k.glob
		}
	}
	options = append(options, option{"all files in it", all})
	glob, err := s.ask.choose(ctx, question{"Which files in it are the exports of the stock?", src.Folder}, options, first)
	if err == nil && glob != all {
		s.draft.setFiles([]string{glob})
		s.tell("files       %s\n", plain(glob))
	}
	return err
}

// setFiles says which files are exports.
func (d *draft) setFiles(globs []string) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, g := range globs {
		list.Content = append(list.Content, scalar(g))
	}
	d.set("files", list)
}

// columnOf is a column as a person writes it: a heading, a number, or FROM-TO in fixed width.
func columnOf(text string) *yaml.Node {
	from, to, ranged := strings.Cut(strings.Trim(text, "[] "), "-")
	if !ranged {
		from, to, ranged = strings.Cut(strings.Trim(text, "[] "), ",")
	}
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	number := func(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: text} }
	switch {
	case bareNumber.MatchString(text):
		return number(text)
	case ranged && bareNumber.MatchString(from) && bareNumber.MatchString(to):
		return &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{number(from), number(to)}}
	}
	return scalar(text)
}

// family is the glob of the files that are called like one, but for its digits.
func family(name string) string {
	name = filepath.Base(name)
	first, last := strings.IndexAny(name, digits), strings.LastIndexAny(name, digits)
	glob := name
	if first >= 0 {
		glob = name[:first] + "\x00" + name[last+1:]
	}
	glob = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`*?[]{}\`, r) {
			return '?'
		}
		return r
	}, glob)
	return strings.ReplaceAll(glob, "\x00", "*")
}

const digits = "0123456789"
