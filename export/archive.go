package export

import (
	"archive/zip"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path"
	"slices"
	"strings"

	"tillpost/inventory"
)

const (
	// maxPacked is how large an archive may be: it is kept in memory, for its list of members stands at its end.
	maxPacked = 32 << 20
	// maxMembers is how many files an archive may hold.
	maxMembers = 256
	// maxCompared is how many keys of an archive are compared between its members, in some 20 MiB. Members that are two
	// states of one stock, or two stores', contradict each other long before.
	maxCompared = 500_000
)

// archive is a zip file: its members are read one after the other, as if the one export of theirs had been written in
// pieces. Each has its own format and header. Two that say different figures for one key are no such pieces.
type archive struct {
	rules    *rules
	members  []*zip.File // that are exports, and not read yet
	packed   counter     // the file
	unpacked int64       // bytes, of all members so far: they may be the same ones, many times over
	done     Summary     // of the members that are read
	seed     maphash.Seed
	figures  map[uint64]int64 // by the hash of a key: its figure, and in the lowest byte the member that said it first; nil = they are not compared
}

// openZip finds out which members of a zip file are exports, and how the first of them is read. What is no table that can
// be one is left out, and said; anything else that is wrong with one of them, such as damage, refuses the whole.
func (r *rules) openZip(src io.Reader) (*Rows, error) {
	packed, err := spoolAll(src, maxPacked, func() error {
		return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the packed export is larger than %d MiB, the most that is unpacked; let the POS export it as CSV", maxPacked>>20)}
	})
	if err != nil {
		return nil, err
	}
	if n, size := packed.entries(); n > maxParts || size > maxListed {
		return nil, &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the zip file lists about %d files, with %d bytes of names and comments: no POS packs exports so", n, size)}
	}
	z, err := zip.NewReader(packed, packed.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // no file is made of those paths
		return nil, &Refused{Code: RefusedContent, Reason: "the zip file is cut or damaged, so that nothing of it counts: its list of members cannot be read"}
	}
	var files []*zip.File
	for _, f := range z.File {
		if !isLitter(f.Name) {
			files = append(files, f)
		}
	}
	if len(files) > maxMembers {
		return nil, &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the zip file holds %d files, more than the %d that are read", len(files), maxMembers)}
	}
	a := &archive{rules: r, packed: counter{n: packed.size}}
	rows := &Rows{archive: a}
	var out []string
	var why error
	for _, f := range files {
		member, err := a.open(f)
		switch refused, ok := errors.AsType[*Refused](err); {
		case err == nil:
			if len(a.members) == 0 {
				rows.detected = member.detected
			}
			a.members = append(a.members, f)
		case ok && !refused.damaged && (refused.other || slices.Contains([]string{RefusedHeader, RefusedContent, RefusedEmpty}, refused.Code)):
			out = append(out, clip(memberName(f)))
			if why == nil {
				why = err
			}
		default:
			return nil, err
		}
	}
	switch {
	case len(a.members) > 0:
	case why != nil:
		return nil, why
	default:
		return nil, &Refused{Code: RefusedEmpty, Reason: "the zip file holds no files"}
	}
	if len(a.members) > 1 && !r.addUp() {
		a.seed, a.figures = maphash.MakeSeed(), make(map[uint64]int64)
	}
	rows.detected.LeftOut = append(rows.detected.LeftOut, out...)
	for _, f := range a.members {
		rows.detected.Members = append(rows.detected.Members, clip(memberName(f)))
	}
	return rows, nil
}

// isLitter knows what is in archives and was never an export: folders, and what systems leave beside the files.
func isLitter(name string) bool {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	return strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, ".") || strings.EqualFold(base, "thumbs.db")
}

// memberName is a member's name as a person may see it: it is never a path that anything is written to.
func memberName(f *zip.File) string {
	return strings.Map(func(r rune) rune {
		if isDamage(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(f.Name, "?"))
}

// open settles how a member is read. The error says which member it is.
func (a *archive) open(f *zip.File) (*Rows, error) {
	if f.Flags&1 != 0 {
		return nil, a.about(f, &Refused{Code: RefusedContent, Reason: "it is locked with a password; let the POS pack exports without one", damaged: true})
	}
	src, err := f.Open()
	if err != nil {
		return nil, a.about(f, &Refused{Code: RefusedContent, Reason: fmt.Sprintf("it is packed in a way that is not known, or damaged: %v", err), damaged: true})
	}
	rows, err := a.rules.openPacked(&unpacked{src: src, packed: &a.packed, n: &a.unpacked})
	if err == nil {
		name := memberName(f)
		err = rows.namedAs("file", strings.TrimSuffix(path.Base(name), path.Ext(name)))
	}
	if err != nil {
		return nil, a.about(f, err)
	}
	return rows, nil
}

// about puts a member's name before what is wrong with it.
func (a *archive) about(f *zip.File, err error) error {
	refused, ok := errors.AsType[*Refused](err)
	if !ok {
		return err
	}
	named := *refused
	named.Reason = fmt.Sprintf("%s, in the zip file: %s", clip(memberName(f)), refused.Reason)
	return &named
}

// all yields the rows of all members.
func (a *archive) all(rows *Rows, yield func(Row, error) bool) {
	for ; len(a.members) > 0; a.members = a.members[1:] {
		f := a.members[0]
		if rows.member == nil {
			member, err := a.open(f)
			if err != nil {
				yield(Row{}, err)
				return
			}
			rows.member = member
		}
		rows.member.Whole = rows.Whole
		for row, err := range rows.member.All() {
			rows.summary = a.done.plus(rows.member.summary)
			if reject, ok := errors.AsType[*Reject](err); ok && len(rows.detected.Members) > 1 {
				reject.Reason = clip(memberName(f)) + ": " + reject.Reason
			} else if err != nil && !ok {
				err = a.about(f, err)
			} else if refused := a.compare(rows.detected.Members, row); refused != nil {
				yield(Row{}, refused)
				return
			}
			if !yield(row, err) {
				return
			}
		}
		a.done = a.done.plus(rows.member.summary)
		rows.summary, rows.member = a.done, nil
	}
}

// compare refuses a row whose figure is another than an earlier member's for the same key: of a stock and the one of last year,
// of what is there and what was sold, of two stores that the config calls one, nothing says which counts.
func (a *archive) compare(members []string, row Row) *Refused {
	if a.figures == nil || row.Key == nil || row.Blank {
		return nil
	}
	hash, member := maphash.Bytes(a.seed, row.Key), len(members)-len(a.members)
	said, known := a.figures[hash]
	switch before := int(said & 0xff); {
	case known && before == member, !known && len(a.figures) < maxCompared:
		a.figures[hash] = row.Figure<<8 | int64(member)
	case known && said>>8 != row.Figure:
		return contradicted(members[before], members[member], row, said>>8)
	}
	return nil
}

func contradicted(before, after string, row Row, figure int64) *Refused {
	product := "a product"
	if key, err := inventory.DecodeKey(row.Key); err == nil {
		product = key.String()
	}
	return &Refused{
		Code: RefusedAmbiguous,
		Reason: fmt.Sprintf("two files in the zip file contradict each other: of %s, %q says %d and %q says %d, so that nothing of them counts; let the POS pack "+
			"the one that says what is in stock, or write the store into each row; only where their figures belong together, `duplicates: sum` in the config adds them up",
			product, before, figure, after, row.Figure),
	}
}

func (s Summary) plus(t Summary) Summary {
	return Summary{s.Rows + t.Rows, s.Updates + t.Updates, s.Rejects + t.Rejects, s.Skipped + t.Skipped}
}

// nested refuses what is packed twice.
func nested() *Refused {
	return &Refused{Code: RefusedContent, Reason: "it is packed more than once; let the POS export files that are packed once, or not at all"}
}
