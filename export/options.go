package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tillpost/inventory"
)

// Field is one of the things that a row says.
type Field uint8

// The fields, named as in the config.
const (
	UPC Field = iota
	SKU
	Size
	Width
	Store
	Quantity
	fieldCount
)

var fieldNames = [fieldCount]string{"upc", "sku", "size", "width", "store", "quantity"}

// String is the field's name in the config.
func (f Field) String() string {
	if f >= fieldCount {
		return fmt.Sprintf("field %d", uint8(f))
	}
	return fieldNames[f]
}

// MarshalText is String.
func (f Field) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText takes the field's name in the config.
func (f *Field) UnmarshalText(text []byte) error {
	i := slices.Index(fieldNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is not one of %s", text, strings.Join(fieldNames[:], ", "))
	}
	*f = Field(i)
	return nil
}

// Column is where a field stands: under a heading, at a number, or, in fixed width, in a range of characters. Exactly one
// of them is set.
type Column struct {
	// Heading is in any case, and compared as headings are, see fold. In XML and JSON it is a path, such as `stock/quantity`
	// or `item/@upc`, or the last step of one. `In stock [{store}]` is a column for each store, `{size}` one for each size;
	// only the quantity can have those.
	Heading string

	Number   int // 1-based
	From, To int // characters, 1-based, inclusive
}

func (c Column) String() string {
	switch {
	case c.Heading != "":
		return fmt.Sprintf("%q", c.Heading)
	case c.From > 0:
		return fmt.Sprintf("[%d, %d]", c.From, c.To)
	}
	return fmt.Sprintf("%d", c.Number)
}

// What Options.Header can be besides a line number.
const (
	HeaderAuto = 0
	HeaderNone = -1
)

// Options say how the exports of one source are read. They are the config's keys of the same names, in the config's
// words; the zero value is the config's default.
type Options struct {
	Preset string // a POS by name, see PresetNames; empty = by the headings

	Format    string // auto, csv, fixed, xlsx, xml, json or ndjson
	Encoding  string // auto, utf-8, utf-16, utf-16le, utf-16be, windows-1252, cp437 or cp850; a byte order mark overrules it
	Delimiter string // auto, one character, or tab

	// Decimal is auto, "." or ",". Auto goes by what the column shows: `12.5` or `1,234.5` show a decimal point, `12,5`
	// in an export that commas do not delimit a decimal comma. Where it shows nothing, what can be two numbers is a
	// reject: `1.234`, `1,234`, `12.000`. Only between commas, and where no other cell speaks against it, `1,234` is
	// 1234 and `12.000` is 12.
	Decimal string

	Sheet string // of a workbook; empty = the first that has a header
	Row   string // XML: the element that is a row; JSON: the path of the array of rows; empty = found

	Header int // HeaderAuto, HeaderNone or the line where it starts, 1-based

	Columns  map[Field]Column  // a field that is absent is found by its heading
	Defaults map[Field]string  // of store, size and width; "" is a value
	Stores   map[string]string // the POS's word for a store: the API's code; empty = the cell is the code

	IdentifyBy        string  // auto, upc or sku
	UPC               string  // checked or as_is
	CheckDigitMissing bool    // the POS leaves the UPC's check digit out
	SKUNeeds          []Field // of size and width; nil = both, empty = none

	SplitSize bool // "10.5 D" in the size is size 10.5, width D

	RejectNegative  bool
	RejectFractions bool

	// Duplicates is how several rows for one product and store will be settled, last, sum or reject; empty = the config does
	// not say. Where they are added up, a column of places that is not the store's may hold bins. Where the config does not
	// say that the last counts, there must not be a column that tells them apart.
	Duplicates string
}

// identity is how products are named.
type identity uint8

const (
	byEither identity = iota // the UPC where it is valid, else the SKU
	byUPC
	bySKU
)

// rules are options that were checked, in the form that a row needs.
type rules struct {
	preset    *preset // that the config names; nil = none
	format    string  // "" = auto
	encoding  string
	delimiter byte // 0 = auto
	decimal   byte // 0 = auto
	header    int
	sheet     string
	row       string
	columns   map[Field]Column
	given     [fieldCount]bool   // that there is a default
	defaults  [fieldCount][]byte // and what it is
	stores    map[string][]byte
	byHeading map[string][]byte // the same, by the folded word; nil in it = two words read the same and mean two stores

	identify          identity
	upcAsIs           bool
	checkDigitMissing bool
	skuNeeds          [fieldCount]bool
	splitSize         bool
	rejectNegative    bool
	rejectFractions   bool
	duplicates        string
}

// addUp says that several rows for one product and store will be added up.
func (r *rules) addUp() bool { return r.duplicates == "sum" }

// wants says that the field's column is of use.
func (r *rules) wants(f Field) bool {
	switch f {
	case UPC:
		return r.identify != bySKU
	case SKU, Size, Width:
		return r.identify != byUPC
	default:
		return true
	}
}

// compile checks options; the error names every one that is wrong.
func compile(o Options) (rules, error) {
	var named *preset
	var unknown error
	if o.Preset != "" {
		if named, unknown = presetNamed(o.Preset); unknown == nil {
			o = named.fillIn(o)
		}
	}
	r := rules{
		preset:            named,
		header:            o.Header,
		columns:           make(map[Field]Column, len(o.Columns)),
		checkDigitMissing: o.CheckDigitMissing,
		rejectNegative:    o.RejectNegative,
		rejectFractions:   o.RejectFractions,
		sheet:             o.Sheet,
		row:               o.Row,
		splitSize:         o.SplitSize,
	}
	errs := []error{unknown, r.setWords(o), r.setColumns(o.Columns), r.setDefaults(o.Defaults), r.setStores(o.Stores)}
	needs := o.SKUNeeds
	if needs == nil {
		needs = []Field{Size, Width}
	}
	for _, f := range needs {
		if f != Size && f != Width {
			errs = append(errs, fmt.Errorf("sku_needs: %s is not size or width", f))
			continue
		}
		r.skuNeeds[f] = true
	}
	if r.columns[Quantity].Heading == storeMark && len(r.stores) == 0 {
		errs = append(errs, fmt.Errorf("columns: quantity is %q, which needs the stores' headings under `stores`", storeMark))
	}
	switch {
	case r.header < HeaderNone:
		errs = append(errs, fmt.Errorf("header: %d is not a line number", r.header))
	case r.header == HeaderNone:
		errs = append(errs, r.checkNumbered())
	}
	return r, errors.Join(errs...)
}

// setWords takes the keys that are one of a few words.
func (r *rules) setWords(o Options) error {
	var errs []error
	word := func(key, value string, allowed ...string) int {
		i := slices.Index(allowed, value)
		if value == "" {
			i = 0
		} else if i < 0 {
			errs = append(errs, fmt.Errorf("%s: %q is not one of %s", key, value, strings.Join(allowed, ", ")))
		}
		return i
	}
	if word("duplicates", o.Duplicates, "", "last", "sum", "reject") > 0 {
		r.duplicates = o.Duplicates
	}
	if word("format", o.Format, append([]string{"auto"}, formatNames...)...) > 0 {
		r.format = o.Format
	}
	if i := word("encoding", o.Encoding, encodingNames...); i >= 0 {
		r.encoding = encodingNames[i]
	}
	if i := word("decimal", o.Decimal, "auto", ".", ","); i >= 0 {
		r.decimal = "\x00.,"[i]
	}
	r.identify = identity(max(0, word("identify_by", o.IdentifyBy, "auto", "upc", "sku")))
	r.upcAsIs = word("upc", o.UPC, "checked", "as_is") == 1
	if r.upcAsIs && r.checkDigitMissing {
		errs = append(errs, errors.New("upc_check_digit: missing needs upc: checked"))
	}
	switch d := o.Delimiter; {
	case d == "" || d == "auto":
	case d == "tab":
		r.delimiter = '\t'
	case len(d) == 1 && (d[0] == '\t' || d[0] < utf8.RuneSelf && (unicode.IsPunct(rune(d[0])) || unicode.IsSymbol(rune(d[0])))) &&
		!strings.Contains(`"'.-+`, d):
		r.delimiter = d[0]
	default:
		errs = append(errs, fmt.Errorf("delimiter: %q is not auto, tab, or one character such as , ; or |", d))
	}
	return errors.Join(errs...)
}

func (r *rules) setColumns(columns map[Field]Column) error {
	var errs []error
	ranges := 0
	for f, c := range columns {
		if c.From != 0 || c.To != 0 {
			ranges++
		}
		switch {
		case f >= fieldCount:
			errs = append(errs, fmt.Errorf("columns: there is no %s", f))
		case c.ways() != 1:
			errs = append(errs, fmt.Errorf("columns: %s is neither a heading, nor a number, nor a range of characters", f))
		case c.Number < 0 || c.Number > MaxColumns:
			errs = append(errs, fmt.Errorf("columns: %s is %d, which is not a number from 1 to %d", f, c.Number, MaxColumns))
		case c.From < 0 || c.To < c.From || c.To > MaxField || c.To > 0 && c.From == 0:
			errs = append(errs, fmt.Errorf("columns: %s is %s, but a range goes from one character, 1 or more, to the same or a later one", f, c))
		case c.Heading != "" && strings.TrimSpace(c.Heading) == "":
			errs = append(errs, fmt.Errorf("columns: %s is a blank heading", f))
		case c.checkPattern(f) != nil:
			errs = append(errs, c.checkPattern(f))
		default:
			r.columns[f] = c
		}
	}
	if ranges > 0 && ranges < len(columns) {
		errs = append(errs, errors.New("columns: where one is a range of characters, all must be"))
	}
	if ranges == 0 && r.format == "fixed" {
		errs = append(errs, errors.New("format: fixed needs columns with ranges of characters, such as `columns: {upc: [1, 12], quantity: [40, 45]}`"))
	}
	return errors.Join(errs...)
}

// ways is how many of a column's ways to say where it is are used.
func (c Column) ways() (n int) {
	for _, used := range []bool{c.Heading != "", c.Number != 0, c.From != 0 || c.To != 0} {
		if used {
			n++
		}
	}
	return n
}

// ranges says that the config gives the columns as ranges of characters.
func (r *rules) ranges() bool {
	for _, c := range r.columns {
		return c.From > 0
	}
	return false
}

// checkNumbered: without a header, every column that is needed has a number.
func (r *rules) checkNumbered() error {
	var errs []error
	for f, c := range r.columns {
		if c.Number == 0 && c.From == 0 {
			errs = append(errs, fmt.Errorf("header: none needs numbers in columns, but %s is %s", f, c))
		}
	}
	has := func(f Field) bool { _, ok := r.columns[f]; return ok }
	if !has(Quantity) {
		errs = append(errs, errors.New("header: none needs columns: {quantity: NUMBER}"))
	}
	if !(r.wants(UPC) && has(UPC) || r.wants(SKU) && has(SKU)) {
		errs = append(errs, errors.New("header: none needs the number of the upc or of the sku in columns"))
	}
	if !has(Store) && !r.given[Store] {
		errs = append(errs, errors.New(`header: none needs columns: {store: NUMBER} or defaults: {store: "..."}`))
	}
	return errors.Join(errs...)
}

func (r *rules) setDefaults(defaults map[Field]string) error {
	var errs []error
	for f, value := range defaults {
		if f != Store && f != Size && f != Width {
			errs = append(errs, fmt.Errorf("defaults: %s cannot have one", f))
			continue
		}
		if err := checkCode(value); err != nil {
			errs = append(errs, fmt.Errorf("defaults: %s: %q %w", f, value, err))
		}
		r.given[f], r.defaults[f] = true, []byte(value)
	}
	return errors.Join(errs...)
}

func (r *rules) setStores(stores map[string]string) error {
	var errs []error
	for word, code := range stores {
		trimmed := string(clean([]byte(word)))
		if trimmed == "" || code == "" {
			errs = append(errs, fmt.Errorf("stores: %q: %q has a blank in it", word, code))
		}
		if err := checkCode(code); err != nil {
			errs = append(errs, fmt.Errorf("stores: %q: %q %w", word, code, err))
		}
		if _, ok := r.stores[trimmed]; ok {
			errs = append(errs, fmt.Errorf("stores: %q is there twice", trimmed))
		}
		if r.stores == nil {
			r.stores, r.byHeading = make(map[string][]byte, len(stores)), make(map[string][]byte, len(stores))
		}
		r.stores[trimmed] = []byte(code)
		folded := fold(trimmed)
		if other, ok := r.byHeading[folded]; ok && string(other) != code {
			r.byHeading[folded] = nil
		} else {
			r.byHeading[folded] = []byte(code)
		}
	}
	return errors.Join(errs...)
}

// checkCode says what is wrong with a code that the config gives.
func checkCode(code string) error {
	switch {
	case len(code) > inventory.MaxCode:
		return fmt.Errorf("is longer than %d bytes", inventory.MaxCode)
	case !utf8.ValidString(code) || strings.ContainsFunc(code, isDamage):
		return errors.New("has a control character or an invisible one in it")
	}
	return nil
}
