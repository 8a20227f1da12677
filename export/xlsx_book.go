package export

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"path"
	"strconv"
	"strings"
)

// workbook is an Excel workbook: XML parts in a zip file. What its sheets share is in memory: their names, how numbers are
// shown, and the texts of cells.
type workbook struct {
	parts    map[string]*zip.File // see unzipParts
	packed   int64
	unpacked int64 // bytes, of all parts that were read

	sheets   []sheet
	from1904 bool           // days are counted from 1904 on instead of 1900
	stale    bool           // the values of formulas are not theirs: they must be calculated first
	styles   []numberFormat // of each style that a cell can have
	texts    texts
}

// sheet is a sheet of cells; those of charts are left out.
type sheet struct {
	name   string
	part   string
	hidden bool
}

// relation is what a part says of another.
type relation struct {
	kind string // the last step of its type, such as worksheet
	part string
}

func newWorkbook(packed *spool) (*workbook, error) {
	parts, err := unzipParts(packed)
	if err != nil {
		return nil, err
	}
	b := &workbook{parts: parts, packed: packed.size, texts: texts{left: maxWorkbook - int(packed.size)}}
	relations, err := b.relations("")
	if err != nil {
		return nil, err
	}
	main, err := theOnly(relations, "officeDocument")
	switch {
	case err != nil:
		return nil, err
	case main == "":
		return nil, damagedBook("nothing says which of its parts is the main one")
	case strings.HasSuffix(main, ".bin"):
		return nil, notRead("the export is an Excel workbook in its binary form (xlsb), which is not read" + asOther)
	case strings.HasPrefix(main, "word/"), strings.HasPrefix(main, "ppt/"), strings.HasPrefix(main, "visio/"):
		return nil, notRead("the export is an Office document, but no workbook; let the POS export CSV or xlsx")
	}
	return b, b.load(main)
}

// relations are those of a part, by their ids; of "", the workbook's as a whole.
func (b *workbook) relations(of string) (map[string]relation, error) {
	p, err := b.part(path.Join(path.Dir(of), "_rels", path.Base("/"+of)+".rels"), "Relationships")
	if err != nil {
		return nil, err
	}
	all := make(map[string]relation)
	return all, p.all(func(e xml.StartElement) error {
		target := attributeOf(e, "Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join(path.Dir(of), target)
		}
		if attributeOf(e, "TargetMode") == "External" {
			return nil
		}
		id, r := attributeOf(e, "Id"), relation{kind: path.Base(attributeOf(e, "Type")), part: strings.TrimPrefix(target, "/")}
		if known, twice := all[id]; twice && known != r {
			return damagedBook("two of its relations are called %q", clip(id))
		}
		all[id] = r
		return tooMany(len(all), "relations")
	})
}

// tooMany refuses what no workbook has so much of.
func tooMany(n int, what string) error {
	if n > maxParts {
		return damagedBook("it has more than %d %s", maxParts, what)
	}
	return nil
}

// load reads the workbook's main part, and what its sheets share.
func (b *workbook) load(main string) error {
	p, err := b.part(main, "workbook")
	if err != nil {
		return err
	}
	relations, err := b.relations(main)
	if err != nil {
		return err
	}
	err = p.all(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			b.from1904 = isOn(attributeOf(e, "date1904"))
		case "calcPr": // set by programs that write 0 for whatever they cannot calculate
			b.stale = isOn(attributeOf(e, "fullCalcOnLoad")) || attributeOf(e, "calcCompleted") != "" && !isOn(attributeOf(e, "calcCompleted"))
		case "sheets":
			return p.children(func(e xml.StartElement) error { return b.addSheet(e, relations) })
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.loadShared(relations, "styles", b.loadStyles); err != nil {
		return err
	}
	return b.loadShared(relations, "sharedStrings", b.loadTexts)
}

// loadShared loads what a workbook may have for all its sheets.
func (b *workbook) loadShared(relations map[string]relation, kind string, load func(part string) error) error {
	part, err := theOnly(relations, kind)
	if err != nil || part == "" {
		return err
	}
	return load(part)
}

// theOnly is the part of a kind; "" = there is none.
func theOnly(relations map[string]relation, kind string) (part string, err error) {
	for _, r := range relations {
		if r.kind == kind && part != "" && r.part != part {
			return "", damagedBook("it has two parts of the kind %s", kind)
		}
		if r.kind == kind {
			part = r.part
		}
	}
	return part, nil
}

func (b *workbook) addSheet(e xml.StartElement, relations map[string]relation) error {
	name := attributeOf(e, "name")
	if e.Name.Local != "sheet" {
		return nil
	}
	r, ok := relations[attributeOf(e, "id")]
	if !ok {
		return damagedBook("nothing says where its sheet %q is", clip(name))
	}
	if r.kind == "worksheet" {
		hidden := strings.HasSuffix(strings.ToLower(attributeOf(e, "state")), "hidden") // or veryHidden
		b.sheets = append(b.sheets, sheet{name: name, part: r.part, hidden: hidden})
	}
	return tooMany(len(b.sheets), "sheets")
}

func isOn(value string) bool { return value == "1" || value == "true" || value == "on" }

// loadStyles reads how the numbers of each style are shown.
func (b *workbook) loadStyles(name string) error {
	p, err := b.part(name, "styleSheet")
	if err != nil {
		return err
	}
	const most = 1 << 16 // as in Excel
	formats, styles := make(map[string]numberFormat), []string(nil)
	err = p.all(func(e xml.StartElement) error {
		kind := e.Name.Local
		if kind != "numFmts" && kind != "cellXfs" {
			return nil
		}
		return p.children(func(e xml.StartElement) error {
			id := attributeOf(e, "numFmtId")
			if kind == "numFmts" {
				formats[id] = newNumberFormat(attributeOf(e, "formatCode"))
			} else {
				styles = append(styles, id)
			}
			if len(id) > 10 || len(formats) > most || len(styles) > most {
				return damagedBook("its part %q has more than %d styles", name, most)
			}
			return nil
		})
	})
	for _, id := range styles {
		format, ok := formats[id]
		if !ok {
			format = builtinFormat(id)
		}
		b.styles = append(b.styles, format)
	}
	return err
}

// style is how the numbers of a cell are shown.
func (b *workbook) style(number string) (numberFormat, error) {
	if number == "" {
		number = "0"
	}
	if number == "0" && len(b.styles) == 0 {
		return numberFormat{}, nil
	}
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(b.styles) {
		return numberFormat{}, damagedBook("a cell has the style %q, which is none of its %d", clip(number), len(b.styles))
	}
	return b.styles[i], nil
}

// maxText is how much is kept of a text that cells share, in bytes. A longer one is cut: it is a description, for it is
// still too long for a code, a heading or a number.
const maxText = 1 << 10

// texts are those that the cells share. Memory for them is bounded.
type texts struct {
	pages [][]byte
	at    []uint32 // of each text: the page, and where in it its length stands, before it
	left  int      // bytes that may still be kept
}

const textPage = 64 << 10

// longText stands for the length of a text of more than MaxField bytes.
const longText = 0xffff

func (t *texts) add(text []byte) error {
	length, ellipsis := len(text), ""
	switch {
	case length > MaxField:
		text, length = nil, longText
	case length > maxText:
		cut := maxText
		for cut > 0 && text[cut]&0xC0 == 0x80 {
			cut--
		}
		text, ellipsis = text[:cut], "…"
		length = cut + len(ellipsis)
	}
	size := 2 + len(text) + len(ellipsis)
	if t.left -= size + 12; t.left < 0 { // with those in at, which grows
		return notRead("the workbook and the texts in it are larger than %d MiB; let the POS export CSV, "+
			"or a workbook without other sheets and long descriptions", maxWorkbook>>20)
	}
	last := len(t.pages) - 1
	if last < 0 || len(t.pages[last])+size > textPage {
		t.pages = append(t.pages, make([]byte, 0, textPage))
		last++
	}
	t.at = append(t.at, uint32(last*textPage+len(t.pages[last])))
	page := binary.BigEndian.AppendUint16(t.pages[last], uint16(length))
	t.pages[last] = append(append(page, text...), ellipsis...)
	return nil
}

// get is the text of a number, 0-based. long says that it was longer than MaxField, and is not there.
func (t *texts) get(number []byte) (text []byte, long bool, err error) {
	i, err := strconv.Atoi(string(bytes.TrimSpace(number)))
	if err != nil || i < 0 || i >= len(t.at) {
		return nil, false, damagedBook("a cell has the shared text %q, which is none of its %d", clip(string(number)), len(t.at))
	}
	text = t.pages[t.at[i]/textPage][t.at[i]%textPage:]
	length := binary.BigEndian.Uint16(text)
	if length == longText {
		return nil, true, nil
	}
	return text[2 : 2+length], false, nil
}

// loadTexts reads the texts that cells share.
func (b *workbook) loadTexts(name string) error {
	p, err := b.part(name, "sst")
	if err != nil {
		return err
	}
	var text []byte
	return p.all(func(e xml.StartElement) (err error) {
		if e.Name.Local != "si" {
			return nil
		}
		if text, err = p.richText(text[:0]); err != nil {
			return err
		}
		return b.texts.add(unescape(text))
	})
}
