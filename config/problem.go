package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxProblems is how many problems of one text are listed; the rest are counted.
const maxProblems = 100

// Problem is one thing that is wrong in a config.
type Problem struct {
	Line, Column int    // 1-based; the column counts characters
	Key          string // the key's full path, such as sources[0].upc; "" where the text is no YAML
	What         string // what was found and what is allowed, for the technician
}

// Problems is all that is wrong in a config, in the order of its lines. It is an error.
type Problems struct {
	File string
	List []Problem // at least one
	More int       // how many were found beyond those listed
}

// Error gives each problem a line: file:line:column: key: what.
func (p *Problems) Error() string {
	var b strings.Builder
	for i, one := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: ", p.File, one.Line, one.Column)
		if one.Key != "" {
			b.WriteString(one.Key + ": ")
		}
		b.WriteString(one.What)
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n%s: and %d problems more", p.File, p.More)
	}
	return b.String()
}

// mark is a place in the text, 1-based; columns count characters.
type mark struct{ line, column int }

// problems collects what is wrong. The same words on the same place count once: an alias may lead there many times.
type problems struct {
	file string
	list []Problem
	more int
}

func (l *problems) add(at mark, key, what string) {
	p := Problem{Line: max(at.line, 1), Column: max(at.column, 1), Key: key, What: what}
	same := func(q Problem) bool { return q.Line == p.Line && q.Column == p.Column && q.What == p.What }
	switch {
	case slices.ContainsFunc(l.list, same):
	case len(l.list) == maxProblems:
		l.more++
	default:
		l.list = append(l.list, p)
	}
}

// err is the *Problems of what was collected, or nil.
func (l *problems) err() error {
	if len(l.list) == 0 {
		return nil
	}
	slices.SortStableFunc(l.list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Problems{File: l.file, List: l.list, More: l.more}
}

// quote shows a value of the text: in quotes, control characters escaped, cut where it is long.
func quote(text string) string {
	return strconv.Quote(cut(text))
}

// plain shows a key of the text: as it is where it is a plain word.
func plain(key string) string {
	if q := quote(key); key == "" || q != `"`+key+`"` {
		return q
	}
	return key
}

func cut(text string) string {
	const most = 60 // characters
	if len(text) <= most*utf8.UTFMax && utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text[:min(len(text), most*utf8.UTFMax)])[:most]) + "…"
}

// nearest is the one of known that word was probably meant to be, or "".
func nearest(word string, known []string) string {
	folded := fold(word)
	if len(folded) == 0 || len(folded) > 40 {
		return ""
	}
	best, fewest := "", max(1, len(folded)/3)+1
	for _, k := range known {
		if n := distance(folded, fold(k)); n < fewest {
			best, fewest = k, n
		}
	}
	if best != "" || len(folded) < 3 {
		return best
	}
	for _, k := range known {
		if strings.Contains(fold(k), folded) || strings.HasPrefix(folded, fold(k)) {
			return k
		}
	}
	return ""
}

// fold takes away what people mix up in a key: case, and what stands between its words.
func fold(word string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(word))
}

// distance is how many bytes must be put in, left out, replaced, or swapped with the next, to make b of a.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			n := last[j]
			if a[i] != b[j] {
				n++
			}
			n = min(n, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				n = min(n, before[j-1]+1)
			}
			row[j+1] = n
		}
		before, last = last, row
	}
	return last[len(b)]
}
