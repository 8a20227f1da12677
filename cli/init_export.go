package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/export"
)

const (
	mostQuestions = 20  // about one export
	mostStores    = 200 // words for stores that are asked about
	fewRows       = 10  // in which a missing 0 says nothing
	sampleUpdates = 5   // that are shown
	sampleRejects = 3
)

// learner learns from an export what may be asked about it, and what is shown of it.
type learner struct {
	table
	stores map[string]bool // of its updates, the first of them
	texts  []string        // of its rejects, the first of them
}

func (l *learner) update(f found) {
	if len(l.stores) < mostStores {
		l.stores[f.key.Store] = true
	}
	l.table.update(f)
}

func (l *learner) reject(line int, reason string) {
	if len(l.texts) < listedRejects {
		l.texts = append(l.texts, reason)
	}
	l.table.reject(line, reason)
}

// learned is what one reading of an export came to.
type learned struct {
	examined
	*learner
}

// readExports reads the newest export of each source, and asks what it leaves open.
func (s *setup) readExports(ctx context.Context) error {
	for i := range s.draft.folders {
		s.result.Sources = append(s.result.Sources, initSource{Name: s.draft.folders[i].name, Folder: s.draft.folders[i].folder})
		if err := s.readExport(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// readExport reads the newest export of a source until it leaves nothing open, or a person goes on all the same.
func (s *setup) readExport(ctx context.Context, i int) error {
	result := &s.result.Sources[i]
	if err := s.askFiles(ctx, i); err != nil {
		return err
	}
	asked, begun := map[string]bool{}, s.draft.copy()
	for round := 0; ; round++ {
		c, err := s.draft.config()
		if err != nil {
			return err
		}
		src := c.Sources[i]
		f := s.folder(ctx, src)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name, at := "", time.Time{}
		if f.err == nil {
			name, at = newestExport(f, src, c.API.TokenFile, config.TokenPlace(), s.o.tokenFile)
		}
		if name == "" {
			if f.err == nil {
				s.tell("export      none is there yet; once there is one, `tillpost check` looks how it is read\n")
			}
			return nil
		}
		result.Export = name
		l, ok := s.read(ctx, filepath.Join(src.Folder, filepath.FromSlash(name)), src)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !ok {
			s.warn("%s could not be read within %v; `tillpost check` tries again", name, exportTime)
			return nil
		}
		s.showExport(name, at, l)
		result.take(l, s.look)
		if s.ask == nil || round == mostQuestions {
			s.leaveOpen(src, name, l)
			return nil
		}
		answered, err := s.question(ctx, src, name, l, asked)
		switch {
		case errors.Is(err, errAnew):
			s.draft, asked = begun.copy(), map[string]bool{}
		case err != nil:
			return err
		case !answered:
			s.leaveOpen(src, name, l)
			return nil
		}
	}
}

// read reads an export as the agent would.
func (s *setup) read(ctx context.Context, path string, src config.Source) (learned, bool) {
	how := agent.ReadingOf(src)
	con := s.con
	return within(ctx, exportTime, func(ctx context.Context) learned {
		l := &learner{table: *newTable(con, filepath.Base(path), false), stores: map[string]bool{}}
		return learned{examine(ctx, path, how, l), l}
	})
}

// take notes what came of an export.
func (r *initSource) take(l learned, look *checkup) {
	sum := l.sum.Summary
	r.Summary, r.Error, r.Write = &sum, "", ""
	if l.err != nil {
		r.Error = look.redact(errorText(l.err))
	}
	if refused, ok := errors.AsType[*export.Refused](l.err); ok {
		r.Write = look.redact(refused.Write)
	}
}

// showExport shows how an export is read, in short.
func (s *setup) showExport(name string, at time.Time, l learned) {
	if s.o.asJSON {
		return
	}
	s.tell("\nThe newest export: %s, written %s ago\n", plain(name), span(max(0, time.Since(at))))
	if l.err != nil && l.sum.Rows == 0 {
		return // it is told with the question
	}
	t := &l.table
	if n := len(t.updates) - sampleUpdates; n > 0 {
		t.updates, t.more = t.updates[:sampleUpdates], t.more+n
	}
	t.rejects = t.rejects[:min(sampleRejects, len(t.rejects))]
	t.summary(l.sum)
	if names := slices.Sorted(maps.Keys(l.stores)); len(names) > 0 {
		few := names[:min(20, len(names))]
		more := ""
		if len(few) < len(names) {
			more = " and others"
		}
		s.tell("stores: %s%s\n", strings.Join(quotedAll(few), ", "), more)
	}
}

// leaveOpen tells what is still open, and what doubts there are.
func (s *setup) leaveOpen(src config.Source, name string, l learned) {
	if l.err != nil {
		text := s.look.redact(name + ": " + errorText(l.err))
		s.result.Open = append(s.result.Open, text)
		if s.ask != nil {
			s.warn("left open: %s", text)
			return
		}
		s.warn("%s", text)
		if refused, ok := errors.AsType[*export.Refused](l.err); ok && refused.Write != "" {
			key, _, _ := strings.Cut(refused.Write, ":")
			s.con.hints([]string{"say it by " + flagFor(key) + ", or write that line into the config, beside `folder`, with the right words in it"})
		}
		return
	}
	if sum := l.sum; s.ask == nil && sum.Rejects*10 > sum.Rows {
		s.result.Open = append(s.result.Open, fmt.Sprintf("%s: %s of %s are rejected", name, number(sum.Rejects), plural(sum.Rows, "row")))
		s.warn("%s: %s of %s cannot be used; `tillpost preview` shows which, and why", name, number(sum.Rejects), plural(sum.Rows, "row"))
	}
	if strange := strangeStores(src, l); s.ask == nil && len(src.Stores) == 0 && len(strange) > 0 {
		s.warn("%s: it calls the stores %s; where the API knows them by codes of its own, --stores gives each its code", name, strings.Join(quotedAll(strange), ", "))
	}
	p := &preview{con: s.con}
	p.doubt(s.look.redact(name), &examination{sum: l.sum, detected: l.examined.how, zeros: l.zeros, figures: l.figures})
}

// question asks one thing that an export leaves open. It answers false where nothing is, or a person goes on all the same.
func (s *setup) question(ctx context.Context, src config.Source, name string, l learned, asked map[string]bool) (answered bool, err error) {
	once := func(key string, open bool) bool {
		was := asked[key]
		asked[key] = asked[key] || open
		return open && !was
	}
	refused, isRefused := errors.AsType[*export.Refused](l.err)
	lacking := lackingOf(l)
	switch {
	case l.moved:
		return s.askUseless(ctx, question{"The export is being written at this moment. What now?", ""}, tryAgain)
	case isRefused && refused.Write != "":
		asked[refused.Write] = true
		return s.askRefused(ctx, name, refused)
	case l.sum.Reasons[export.RejectSKU] > 0 && once("sizes", len(lacking) > 0):
		return true, s.askSizes(ctx, lacking, l)
	case l.err != nil:
		first := tryAgain
		if len(asked) > 0 {
			first = tryAnew
		}
		return s.askUseless(ctx, question{"Nothing of this export would be sent. What now?", s.look.redact(errorText(l.err))}, first)
	case once("stores", len(src.Stores) == 0 && len(strangeStores(src, l)) > 0):
		return true, s.askStores(ctx, strangeStores(src, l))
	case once("missing", l.zeros == 0 && l.figures >= fewRows && !s.draft.says("missing")):
		return true, s.askMissing(ctx)
	}
	return false, nil
}

// errAnew is the answer of a person who wants to be asked about an export anew.
var errAnew = errors.New("ask anew")

const tryAnew = "anew"

// askUseless asks what is to be done with an export of which nothing would be sent.
func (s *setup) askUseless(ctx context.Context, q question, first string) (again bool, err error) {
	options := []option{{"answer the questions about it anew", tryAnew}, {"read the newest export again", tryAgain}, {"go on all the same, and look at it later", goOn}}
	if first != tryAnew {
		options = options[1:] // nothing was asked
	}
	answer, err := s.ask.choose(ctx, q, options, first)
	if err == nil && answer == tryAnew {
		err = errAnew
	}
	return answer == tryAgain, err
}

// strangeStores are the words of an export for its stores, where they do not look like codes.
func strangeStores(src config.Source, l learned) (words []string) {
	strange := false
	for word := range l.stores {
		if stated, ok := src.Defaults["store"]; ok && word == stated {
			continue
		}
		words = append(words, word)
		strange = strange || strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsDigit(r) })
	}
	if !strange {
		return nil
	}
	slices.Sort(words)
	return words
}

// askStores asks whether the words for the stores are the API's codes, and else for those.
func (s *setup) askStores(ctx context.Context, words []string) error {
	const same, other = "same", "other"
	answer, err := s.ask.choose(ctx, question{"Does the API know the stores by these words too?", strings.Join(quotedAll(words), ", ")},
		[]option{{"no: I type the API's code of each", other}, {"yes: send them as they are", same}}, other)
	if err != nil || answer == same {
		return err
	}
	return s.askCodes(ctx, words)
}

// askCodes asks for the API's code of each store. A store without one is left out; one at least has one.
func (s *setup) askCodes(ctx context.Context, words []string) error {
	for given := 0; given == 0; {
		for i, word := range words {
			last := i == len(words)-1 && given == 0
			code, err := s.ask.text(ctx, question{fmt.Sprintf("What is the API's code of the store %q?", word), "Your retailer knows it. Without one the store is left out."}, "",
				func(code string) error {
					if code == "" && !last {
						return nil
					}
					return wrongCode(code)
				})
			if err != nil {
				return err
			}
			if code != "" {
				given++
				s.draft.setIn("stores", word, scalar(code))
				s.tell("store       %s = %s\n", plain(word), plain(code))
			}
		}
	}
	return nil
}

// lackingOf are the fields that SKUs lack in an export.
func lackingOf(l learned) (fields []string) {
	for field, f := range map[string]export.Field{"size": export.Size, "width": export.Width} {
		_, has := l.examined.how.Columns[f]
		if !has || slices.ContainsFunc(l.texts, func(text string) bool { return strings.Contains(text, "has no "+field) }) {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return fields
}

// askSizes asks for the size and the width of products that have none in the export.
func (s *setup) askSizes(ctx context.Context, lacking []string, l learned) error {
	for _, field := range lacking {
		if s.draft.says("defaults", field) {
			continue
		}
		code, err := s.ask.text(ctx, question{fmt.Sprintf("%s a product by a SKU without a %s. Which %[2]s is right for all of these?", rowsName(l.sum.Reasons[export.RejectSKU]), field),
			"The API wants size and width with each SKU. Without an answer these rows are not sent."}, "",
			func(code string) error {
				if code == "" {
					return nil
				}
				return wrongCode(code)
			})
		if err != nil {
			return err
		}
		if code == "" {
			return nil // one alone would not help
		}
		s.draft.setIn("defaults", field, scalar(code))
		s.tell("%-11s %s, where the export has none\n", field, plain(code))
	}
	return nil
}

func rowsName(n int64) string {
	if n == 1 {
		return "1 row names"
	}
	return number(n) + " rows name"
}

// askMissing asks what it means where an export does not name a product any more.
func (s *setup) askMissing(ctx context.Context) error {
	answer, err := s.ask.choose(ctx, question{"No product in this export has 0. What does it mean when a product is no longer in it?",
		"Where the POS can export what is sold out as 0, let it do that: it is the surest way."}, []option{
		{"I do not know, or nothing: the API keeps the quantity that it has", "keep"},
		{"It is sold out: tillpost sends 0 once two exports in a row lack it. Right only where each export is the whole list of a store", "zero"},
	}, "keep")
	if err == nil {
		s.draft.setWord("missing", answer)
		s.tell("missing     %s\n", answer)
	}
	return err
}
