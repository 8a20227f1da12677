package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// check reports what is wrong between keys that are right each by itself.
func (w *walker) check(c *Config) {
	w.checkAPI(c)
	w.checkLog(c)
	for i := range c.Sources {
		path := fmt.Sprintf("sources[%d]", i)
		w.checkHeader(path, &c.Sources[i])
		w.checkFolder(path, c, &c.Sources[i])
		w.checkName(path, c, i)
	}
	for i := range c.Sources {
		w.checkArchive(c, i)
	}
}

// sound tells whether none of these keys has a problem of its own.
func (w *walker) sound(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool { return w.wrong[path] })
}

// clash reports a problem at the first of the keys that the text states; values clash only where it states one.
func (w *walker) clash(what string, paths ...string) {
	for _, path := range paths {
		if at, stated := w.at[path]; stated {
			w.list.add(at, path, what)
			return
		}
	}
	w.list.add(mark{}, paths[0], what)
}

func (w *walker) checkAPI(c *Config) {
	a := c.API
	if a.RetryMin > a.RetryMax && w.sound("api.retry.min", "api.retry.max") {
		w.clash(fmt.Sprintf("the wait begins with api.retry.min (%s) and can be no longer than api.retry.max (%s)",
			show(a.RetryMin), show(a.RetryMax)), "api.retry.min", "api.retry.max")
	}
	if a.Confirm < 2*a.Timeout && w.sound("api.confirm", "api.timeout") {
		w.clash(fmt.Sprintf("api.confirm (%s) must be at least twice api.timeout (%s)", show(a.Confirm), show(a.Timeout)),
			"api.confirm", "api.timeout")
	}
}

// checkLog keeps the log's file out of the folders that are read or pruned, and apart from the files of tillpost.
func (w *walker) checkLog(c *Config) {
	const key = "log.file"
	file := c.Log.File
	if file == "" || !w.sound(key) {
		return
	}
	for _, own := range []struct{ path, what string }{{c.File, "the config"}, {c.API.TokenFile, "the token's file"},
		{w.p.token, "the token's file"}, {c.API.CAFile, "api.ca_file"}} {
		if own.path != "" && w.p.same(file, own.path) {
			w.clash("is "+own.what+"; the log needs a file of its own", key)
			return
		}
	}
	logs := w.p.join(c.DataDir, "logs")
	switch {
	case !w.sound("data_dir"):
	case w.p.same(file, c.DataDir):
		w.clash("is data_dir itself; the log needs a file of its own", key)
	case w.p.inside(file, c.DataDir) && !w.p.inside(file, logs) &&
		!(w.p.same(w.p.dir(file), c.DataDir) && strings.HasSuffix(strings.ToLower(file), ".log")):
		w.clash("lies in data_dir among the agent's own files; there, only the folder logs, and names that end in .log, are for it", key)
	}
	for i, s := range c.Sources {
		path := fmt.Sprintf("sources[%d]", i)
		for _, folder := range []struct{ path, key, why string }{
			{s.Folder, path + ".folder", "it would be read as an export"},
			{s.Archive.Folder, path + ".archive.folder", "what is old in there is deleted"},
		} {
			if folder.path != "" && w.sound(folder.key) && (w.p.same(file, folder.path) || w.p.inside(file, folder.path)) {
				w.clash("lies in "+folder.key+"; "+folder.why, key)
			}
		}
	}
}

// checkHeader looks at the columns of exports that have no headings, and for a quantity that is read from a code.
func (w *walker) checkHeader(path string, s *Source) {
	named := slices.Sorted(maps.Keys(s.Columns))
	ranges := w.checkRanges(path, s, named)
	for _, field := range named {
		if s.Header.None && !ranges && s.Columns[field].Number == 0 {
			w.clash("must be a column's number: with `header: none` there are no headings", path+".columns."+field)
		}
		a, b := s.Columns[field], s.Columns["quantity"]
		if field != "quantity" && a.Number == b.Number && a.From == b.From && a.To == b.To && strings.EqualFold(a.Heading, b.Heading) {
			w.clash("is the column of "+field+" too", path+".columns.quantity")
		}
	}
	if s.Columns["quantity"].Heading == "{store}" && len(s.Stores) == 0 {
		w.clash("needs `stores`: the headings of the stores' columns, each with the API's code", path+".columns.quantity")
	}
	if !s.Header.None && !ranges || !w.sound(path+".columns.quantity", path+".columns.upc", path+".columns.sku", path+".columns") {
		return
	}
	_, quantity := s.Columns["quantity"]
	_, upc := s.Columns["upc"]
	_, sku := s.Columns["sku"]
	switch {
	case quantity && (upc || sku):
	case ranges:
		w.clash("in fixed width need a range for the quantity, and for the upc or the sku", path+".columns")
	default:
		w.clash("none needs the columns' numbers: columns.quantity, and columns.upc or columns.sku", path+".header")
	}
}

// checkRanges looks at columns that are ranges of characters: all of them are, and the format is one that has such.
func (w *walker) checkRanges(path string, s *Source, named []string) (ranges bool) {
	for _, field := range named {
		ranges = ranges || s.Columns[field].From > 0
	}
	for _, field := range named {
		if c := s.Columns[field]; ranges && c.From == 0 {
			w.clash("must be a range of characters, such as [1, 12], like the other columns", path+".columns."+field)
		}
	}
	switch {
	case ranges && s.Format != "auto" && s.Format != "fixed":
		w.clash("is "+s.Format+", but the columns are ranges of characters, as in fixed width", path+".format")
	case !ranges && s.Format == "fixed" && s.Preset == "":
		w.clash("fixed needs columns that are ranges of characters, such as `columns: {upc: [1, 12], quantity: [40, 45]}`", path+".format")
	}
	return ranges
}

// checkFolder keeps a source's folder and the agent's own apart.
func (w *walker) checkFolder(path string, c *Config, s *Source) {
	key := path + ".folder"
	if !w.sound(key, "data_dir") || s.Folder == "" {
		return
	}
	switch {
	case w.p.same(s.Folder, c.DataDir):
		w.clash("is data_dir itself; exports need a folder of their own", key)
	case w.p.inside(s.Folder, c.DataDir):
		w.clash("lies inside data_dir ("+cut(c.DataDir)+"); exports need a folder of their own", key)
	case w.p.inside(c.DataDir, s.Folder):
		w.clash("holds data_dir ("+cut(c.DataDir)+"); exports need a folder of their own", key)
	}
	if t := c.API.TokenFile; t != "" && w.sound("api.token_file") && w.p.inside(t, s.Folder) {
		w.clash("lies in the folder of "+path+", where the POS drops its exports; keep the token where only tillpost looks", "api.token_file")
	}
}

// checkName looks for an earlier source of the same name, in any case: folders are named for sources.
func (w *walker) checkName(path string, c *Config, i int) {
	name := c.Sources[i].Name
	if name == "" || !w.sound(path+".name") {
		return
	}
	for j := range i {
		if strings.EqualFold(c.Sources[j].Name, name) {
			w.clash(fmt.Sprintf("%s is the name of sources[%d] already; give each source a name of its own", quote(name), j),
				path+".name", path+".folder")
			return
		}
	}
}

// checkArchive fills in where a source archives by default, and looks that no archive is watched or pruned by mistake.
func (w *walker) checkArchive(c *Config, i int) {
	s, key := &c.Sources[i], fmt.Sprintf("sources[%d].archive.folder", i)
	own := w.p.join(c.DataDir, "archive")
	if s.Archive.Folder == "" {
		s.Archive.Folder = w.p.join(own, s.Name)
		return // checkFolder keeps sources out of data_dir
	}
	if !w.sound(key, "data_dir") {
		return
	}
	folder := s.Archive.Folder
	switch {
	case w.p.same(folder, c.DataDir), w.p.inside(folder, c.DataDir) && !w.p.inside(folder, own):
		w.clash("lies in data_dir among the agent's own files; there, only "+cut(own)+" is for archives", key)
	case w.p.same(folder, w.base):
		w.clash("is the folder of the config; archived files are deleted in time, so they need a folder of their own", key)
	}
	for j, other := range c.Sources {
		switch path := fmt.Sprintf("sources[%d].folder", j); {
		case other.Folder == "" || !w.sound(path):
		case w.p.same(folder, other.Folder):
			w.clash("is "+path+"; what is archived there would be read again", key)
		case other.Recursive && w.p.inside(folder, other.Folder):
			w.clash("lies inside "+path+", which is recursive; what is archived there would be read again", key)
		}
	}
}
