package export

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// asOther is what a person can do about a workbook that is not read.
const asOther = "; let the POS export CSV or xlsx, or save it as xlsx in a spreadsheet, with its codes formatted as text"

// openWorkbook settles how an Excel workbook is read: which of its sheets, and how that is read. The workbook is in memory
// as it is packed, its sheet is read as a stream.
func (r *rules) openWorkbook(src io.Reader) (_ *Rows, err error) {
	packed, err := spoolAll(src, maxWorkbookFile, func() error {
		return notRead("the workbook is larger than %d MiB; let the POS export CSV, or a workbook without pictures and other sheets", maxWorkbookFile>>20)
	})
	if err != nil {
		return nil, err
	}
	defer refusePanic(&err)
	b, err := newWorkbook(packed)
	if err != nil {
		return nil, err
	}
	if r.sheet != "" {
		return r.openNamed(b)
	}
	return r.openFirst(b)
}

// refusePanic refuses a workbook that a library cannot cope with: it must not take the other exports with it.
func refusePanic(err *error) {
	if p := recover(); p != nil {
		*err = damagedBook("%v", p)
	}
}

// damagedBook refuses a workbook that is not as it was written, or was never well.
func damagedBook(format string, args ...any) *Refused {
	refused := notRead("the workbook is damaged, so that nothing of it counts: "+format, args...)
	refused.damaged = true
	return refused
}

// notRead refuses a workbook for what it is.
func notRead(format string, args ...any) *Refused {
	return &Refused{Code: RefusedContent, Reason: fmt.Sprintf(format, args...)}
}

// openNamed opens the sheet that the config names, also a hidden one.
func (r *rules) openNamed(b *workbook) (*Rows, error) {
	for _, same := range []func(name string) bool{
		func(name string) bool { return name == r.sheet },
		func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), strings.TrimSpace(r.sheet)) },
	} {
		for _, s := range b.sheets {
			if same(s.name) {
				return r.openSheet(b, s)
			}
		}
	}
	return nil, &Refused{
		Code:   RefusedSheet,
		Reason: fmt.Sprintf("the config says `sheet: %q`, but the workbook has %s", r.sheet, namesOf(b.sheets)),
		Write:  `sheet: "..."`,
	}
}

// openFirst opens the first visible sheet that has a header. A sheet that has one and cannot be read all the same is the
// one that counts, and its refusal the export's: the next sheet may be last year's.
func (r *rules) openFirst(b *workbook) (*Rows, error) {
	var visible []sheet
	for _, s := range b.sheets {
		if !s.hidden {
			visible = append(visible, s)
		}
	}
	var without *Refused // what is said where no sheet has a header
	for i, s := range visible {
		rows, err := r.openSheet(b, s)
		if err == nil {
			rows.detected.OtherSheets = r.alsoTables(b, visible[i+1:])
			return rows, nil
		}
		refused, ok := errors.AsType[*Refused](err)
		if !ok {
			return nil, err
		}
		if len(visible) > 1 && refused.Code != RefusedContent {
			refused.Reason = fmt.Sprintf("sheet %q: %s", clip(s.name), refused.Reason)
		}
		if refused.headed || !refused.other && !slices.Contains([]string{RefusedEmpty, RefusedHeader, RefusedColumn}, refused.Code) {
			return nil, refused
		}
		if without == nil || without.Code == RefusedEmpty {
			without = refused
		}
	}
	if without == nil {
		return nil, &Refused{
			Code:   RefusedSheet,
			Reason: fmt.Sprintf("the workbook has no sheet with cells that is not hidden, but %s", namesOf(b.sheets)),
			Write:  `sheet: "..."`,
		}
	}
	return nil, without
}

// openSheet settles how one sheet is read.
func (r *rules) openSheet(b *workbook, s sheet) (*Rows, error) {
	d, err := b.openSheet(s)
	if err != nil {
		return nil, err
	}
	rows, err := r.openTable("xlsx", d)
	if err != nil {
		return nil, err
	}
	rows.detected.Sheet = s.name
	if refused := rows.isAnotherStore(sectionOf(s.name), "by the name of its sheet", s.name); refused != nil {
		refused.other = true
		return nil, refused
	}
	return rows, rows.namedAs("sheet", s.name)
}

// alsoTables names those of some sheets that have a header too.
func (r *rules) alsoTables(b *workbook, sheets []sheet) (names []string) {
	for _, s := range sheets {
		d, err := b.openSheet(s)
		if err != nil {
			continue // it is not read
		}
		if _, err := r.openTable("xlsx", &firstRecords{decoder: d, left: headerRows}); err == nil {
			names = append(names, s.name)
		}
	}
	return names
}

// firstRecords are the first ones of a decoder's records.
type firstRecords struct {
	decoder
	left int
}

func (f *firstRecords) next(rec *record) error {
	if f.left == 0 {
		return io.EOF
	}
	f.left--
	return f.decoder.next(rec)
}

// namesOf names sheets, for a message.
func namesOf(sheets []sheet) string {
	if len(sheets) == 0 {
		return "none"
	}
	names := make([]string, len(sheets))
	for i, s := range sheets {
		names[i] = s.name
	}
	word := "the sheets "
	if len(sheets) == 1 {
		word = "the sheet "
	}
	return word + quoteSome(names, 30)
}
