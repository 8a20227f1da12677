package agent

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"tillpost/config"
	"tillpost/dashboard"
	"tillpost/export"
	"tillpost/inventory"
	"tillpost/outbox"
)

// reject is a reject as the outbox keeps it, without the token where a stranger's file holds it. Promise 11 of the
// contract.
func (s *source) reject(r *export.Reject) outbox.Reject {
	return outbox.Reject{Line: uint64(r.Line), Code: r.Code, Reason: s.a.tokens.redact(r.Reason), Key: r.Key, Record: s.redactAll(r.Record)}
}

func (s *source) redactAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = s.a.tokens.redact(text)
	}
	return out
}

// mostFallen is how many rows of an export that fall because of others are listed.
const mostFallen = 100_000

// settle settles the rows of the look anew, and finds those that fall because of others.
func (t *taking) settle() error {
	for x := range t.readings {
		r := &t.readings[x]
		if r.dropped {
			continue // what fell is known from before
		}
		if r.own == nil {
			r.own = maps.Clone(r.taken.Reasons)
		}
		r.taken.Reasons, r.fallen, r.spared = maps.Clone(r.own), nil, 0
	}
	_, err := t.in.Settle(func(f outbox.Fallen) {
		r := &t.readings[f.Export]
		code, reason := export.RejectDuplicate, "other rows are for the same product and store, and duplicates are rejected"
		if f.Sum {
			code, reason = export.RejectSum, "the rows for its product and store cannot be added up: one of them has no quantity, or the sum is too large"
		}
		r.taken.Reasons[code] += f.Rows
		if f.Key == nil || len(r.fallen) == mostFallen {
			r.spared += f.Rows
			return
		}
		r.fallen = append(r.fallen, outbox.Reject{Line: f.Line, Code: code, Reason: reason, Key: bytes.Clone(f.Key), Record: r.record(f.Key)})
	})
	return err
}

// listFallen lists the rows that fell when the look was settled last.
func (t *taking) listFallen() error {
	for x := range t.readings {
		r := &t.readings[x]
		t.in.Unlisted(x, r.spared)
		slices.SortFunc(r.fallen, func(a, b outbox.Reject) int { return cmp.Compare(a.Line, b.Line) })
		for _, reject := range r.fallen {
			if err := t.in.Reject(x, reject); err != nil {
				return err
			}
		}
	}
	return nil
}

// record is what a key says, in the columns of the export. The rest of the row is not known any more.
func (r *reading) record(key []byte) []string {
	k, err := inventory.DecodeKey(key)
	if err != nil {
		return nil
	}
	fields := make([]string, len(r.how.Headings))
	for f, text := range map[export.Field]string{export.UPC: k.UPC, export.SKU: k.SKU, export.Size: k.Size, export.Width: k.Width, export.Store: k.Store} {
		if at, ok := r.how.Places[f]; ok && text != "" {
			if at >= len(fields) { // an export without a header
				fields = append(fields, make([]string, at+1-len(fields))...)
			}
			fields[at] = text
		}
	}
	return fields
}

// ReportsFolder is where the exports' rejects are written down.
func ReportsFolder(c *config.Config) string { return filepath.Join(c.DataDir, "rejects") }

const (
	reportSuffix = ".rejects.csv"
	keepReports  = 30 * 24 * time.Hour // of exports of which nothing is listed any more
)

// report writes down what is listed for an export, and logs what is new of it.
func (s *source) report(r outbox.Report, now time.Time) {
	if err := s.reportRejects(r); err != nil {
		s.relist.Store(true)
		s.listing.fail(r.Export(), "rejects cannot be written down; it is tried again", err)
		return
	}
	s.listing.well(r.Export())
	s.displace(r.Export())
	for reject, err := range r.All() {
		if err != nil {
			return // it was read a moment ago; the outbox's check tells of damage
		}
		if reject.At.Unix() == now.Unix() {
			s.rejects.warn("row set aside", "source", s.conf.Name, "export", r.Export(), "line", reject.Line, "err", reject.Reason)
		}
	}
}

// displace lets the sources after this one write down anew what they had under the name that is this one's now: see
// reportPath.
func (s *source) displace(name string) {
	for _, other := range s.a.sources[slices.Index(s.a.sources, s)+1:] {
		if _, err := s.a.box.File(other.conf.Name, name); err == nil {
			other.relist.Store(true)
		}
	}
}

// reportAgain writes down what could not be written before, or in another life.
func (s *source) reportAgain() {
	if s.begun && !s.relist.Load() {
		return
	}
	reports, err := s.a.box.ListedFor(s.conf.Name)
	if err != nil {
		s.listing.fail("", "rejects cannot be written down; it is tried again", err)
		return
	}
	s.listing.well("")
	missing := !s.relist.Swap(false) // those only
	s.begun = true
	for _, r := range reports {
		if _, err := os.Stat(s.reportPath(r.Export(), reportSuffix)); err == nil && missing {
			continue
		}
		if err := s.reportRejects(r); err != nil {
			s.relist.Store(true)
			s.listing.fail(r.Export(), "rejects cannot be written down; it is tried again", err)
			continue
		}
		s.listing.well(r.Export())
	}
}

// reportPath is where something is written down of an export: data_dir/rejects/<export><suffix>, with the source's name in
// it where a source that the config names before this one has an export of the same name.
func (s *source) reportPath(name, suffix string) string {
	for _, other := range s.a.sources {
		if other == s {
			break
		}
		if _, err := s.a.box.File(other.conf.Name, name); err == nil {
			suffix = "." + s.conf.Name + suffix
			break
		}
	}
	dir, base := filepath.Split(filepath.FromSlash(name))
	if most := 240 - len(suffix); len(base) > most { // what most file systems take
		cut := most - 17
		for cut > 0 && !utf8.RuneStart(base[cut]) {
			cut--
		}
		base = fmt.Sprintf("%s~%016x", base[:cut], xxhash.Sum64String(base))
	}
	return filepath.Join(ReportsFolder(s.a.opts.Config), dir, base+suffix)
}

// reportRejects brings an export's report to what is listed for it; without rejects there is none.
func (s *source) reportRejects(r outbox.Report) (err error) {
	path := s.reportPath(r.Export(), reportSuffix)
	plain, any := true, false
	for reject, err := range r.All() {
		if err != nil {
			return err
		}
		any = true
		plain = plain && isPlain(reject.Record) && isPlain([]string{reject.Reason})
	}
	if !any {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return writeReport(path, func(to io.Writer) error { return writeRejects(to, r, plain) })
}

// writeReport writes a report at path in place of the one before it.
func writeReport(path string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "*.tmp")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path) // fails on Windows while a spreadsheet has it open
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// writeRejects writes the table: the export's own columns, line and reason. Where the text is not plain, it begins with
// the mark by which spreadsheets know UTF-8; it has the semicolons of an export that has them, for so do the
// spreadsheets of that country.
func writeRejects(to io.Writer, r outbox.Report, plain bool) error {
	headings, err := r.Headings()
	if err != nil {
		return err
	}
	if err := mark(to, plain && isPlain(headings)); err != nil {
		return err
	}
	w := csv.NewWriter(to)
	w.UseCRLF = true
	if r.Comma() == ";" {
		w.Comma = ';'
	}
	width := r.Width()
	row := func(fields []string, line, reason string) error {
		out := make([]string, width, width+2)
		for i := range min(width, len(fields)) {
			out[i] = dashboard.Defuse(fields[i])
		}
		return w.Write(append(out, line, dashboard.Defuse(reason)))
	}
	if headings == nil {
		for i := range width {
			headings = append(headings, fmt.Sprintf("column %d", i+1))
		}
	}
	if err := row(headings, "line", "reason"); err != nil {
		return err
	}
	for reject, err := range r.All() {
		if err == nil {
			err = row(reject.Record, fmt.Sprint(reject.Line), reject.Reason)
		}
		if err != nil {
			return err
		}
	}
	if n := r.More(); n > 0 {
		if err := row(nil, "", fmt.Sprintf("and %d rejects more, which are not listed", n)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// isPlain reports whether texts are ASCII.
func isPlain(texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool {
		return strings.ContainsFunc(text, func(c rune) bool { return c > unicode.MaxASCII })
	})
}

// mark begins what is not plain with the mark by which spreadsheets know UTF-8.
func mark(to io.Writer, plain bool) error {
	if plain {
		return nil
	}
	_, err := io.WriteString(to, "\uFEFF")
	return err
}

func isReport(path string) bool {
	return slices.ContainsFunc([]string{reportSuffix, unnamedSuffix, ".tmp"}, func(suffix string) bool { return strings.HasSuffix(path, suffix) })
}

// pruneReports removes the reports of exports of which nothing is listed any more, once they are old.
func (a *Agent) pruneReports(now time.Time) error {
	kept := map[string]bool{}
	for _, s := range a.sources {
		reports, err := a.box.ListedFor(s.conf.Name)
		if err != nil {
			return err
		}
		for _, r := range reports {
			kept[s.reportPath(r.Export(), reportSuffix)] = true
		}
	}
	err := filepath.WalkDir(ReportsFolder(a.opts.Config), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || kept[path] || !isReport(path) {
			return err
		}
		about, err := d.Info()
		if err == nil && now.Sub(about.ModTime()) > keepReports {
			err = os.Remove(path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
