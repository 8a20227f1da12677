package export

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

var encodingNames = []string{"auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "windows-1252", "cp437", "cp850"}

// charset brings fields to UTF-8. All that an export is split at is ASCII, which all of these have in common, so that
// only the few fields that are used and not ASCII are ever decoded. UTF-16 is decoded as it is read and is UTF-8 then.
type charset struct {
	name string
	// table is the code page; nil = UTF-8.
	table *charmap.Charmap
	// orElse is what a field is that is not valid UTF-8. It is set where nothing but ASCII was seen when the encoding was settled.
	orElse *charmap.Charmap
	// guessed says that the table was taken because some of the head is not valid UTF-8. Then a field that is, and not
	// ASCII, may be UTF-8 all the same.
	guessed bool
}

// append appends a field in UTF-8 to dst. It answers false where the field is not text in this encoding.
func (c charset) append(dst, field []byte) ([]byte, bool) {
	table := c.table
	if table == nil {
		if utf8.Valid(field) {
			return append(dst, field...), true
		}
		if table = c.orElse; table == nil {
			return append(dst, field...), false
		}
	}
	for _, b := range field {
		dst = utf8.AppendRune(dst, table.DecodeByte(b))
	}
	return dst, true
}

// decoded reads a text in a format that knows UTF-8 alone. A code page is believed where the config says it; where it would be
// a guess, a value that is not UTF-8 costs its row.
func (c charset) decoded(r *rules, text io.Reader) io.Reader {
	if c.table == nil || r.encoding == "auto" {
		return text
	}
	return transform.NewReader(text, c.table.NewDecoder())
}

// byteOrderMarks are proof of an encoding, whatever the config says: in no other do exports begin so.
var byteOrderMarks = []struct{ mark, encoding string }{
	{"\xef\xbb\xbf", "utf-8"},
	{"\xff\xfe\x00\x00", "utf-32"},
	{"\x00\x00\xfe\xff", "utf-32"},
	{"\xff\xfe", "utf-16le"},
	{"\xfe\xff", "utf-16be"},
}

// openText settles the encoding by the export's first bytes, and answers the charset and the export without its mark.
// whole says that head is all of it.
func openText(stated string, head []byte, rest io.Reader, whole bool) (charset, io.Reader, error) {
	name, mark := stated, 0
	for _, m := range byteOrderMarks {
		if bytes.HasPrefix(head, []byte(m.mark)) {
			name, mark = m.encoding, len(m.mark)
			break
		}
	}
	head = head[mark:]
	// The zeros that may follow the text, but for one that may be the half of UTF-16's last character.
	text := head[:min(len(head), (len(bytes.TrimRight(head, "\x00"))+1)&^1)]
	if mark == 0 && (name == "auto" || name == "utf-16") {
		if guess := guessUTF16(text); guess != "" {
			name = guess
		} else if name == "utf-16" {
			name = "utf-16le" // as Windows writes it
		}
	}
	src := io.MultiReader(bytes.NewReader(head), rest)
	switch name {
	case "auto":
		if err := refuseBinary(head, text); err != nil {
			return charset{}, nil, err
		}
		return guessCharset(head, whole), src, nil
	case "utf-16le":
		return charset{name: name}, transform.NewReader(src, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()), nil
	case "utf-16be":
		return charset{name: name}, transform.NewReader(src, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()), nil
	case "utf-32":
		return charset{}, nil, &Refused{Code: RefusedEncoding, Reason: "the export is text in UTF-32, which is not available; the POS must write UTF-8"}
	}
	if err := refuseBinary(head, text); err != nil {
		return charset{}, nil, err
	}
	tables := map[string]*charmap.Charmap{"windows-1252": charmap.Windows1252, "cp437": charmap.CodePage437, "cp850": charmap.CodePage850}
	return charset{name: name, table: tables[name]}, src, nil
}

// guessCharset tells UTF-8 from Windows-1252, which has no bytes that could not be text.
func guessCharset(head []byte, whole bool) charset {
	ascii := true
	for _, c := range head {
		if c >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return charset{name: "utf-8", orElse: charmap.Windows1252}
	}
	if !whole { // the last character may be cut
		for i := len(head) - 1; i >= 0 && i > len(head)-utf8.UTFMax; i-- {
			if utf8.RuneStart(head[i]) {
				if !utf8.FullRune(head[i:]) {
					head = head[:i]
				}
				break
			}
		}
	}
	if utf8.Valid(head) {
		return charset{name: "utf-8"}
	}
	return charset{name: "windows-1252", table: charmap.Windows1252, guessed: true}
}

// guessUTF16 knows UTF-16 without a mark by the zeros in every other byte, for what exports are made of is mostly ASCII.
func guessUTF16(head []byte) string {
	head = head[:min(len(head), 4096)&^1]
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i&1]++
		}
	}
	pairs := len(head) / 2
	switch {
	case pairs == 0:
		return ""
	case zeros[1]*2 > pairs && zeros[0]*20 < pairs:
		return "utf-16le"
	case zeros[0]*2 > pairs && zeros[1]*20 < pairs:
		return "utf-16be"
	}
	return ""
}

// refuseBinary knows what is no text at all. A few zero bytes are damage to their rows only, and those after the text,
// which head has and text has not, are furniture.
func refuseBinary(head, text []byte) error {
	if len(text) == 0 && len(head) > 0 {
		return &Refused{Code: RefusedContent, Reason: fmt.Sprintf("the export is %d zero bytes: nothing was written into it", len(head))}
	}
	zeros, others := 0, 0
	for _, c := range text {
		switch {
		case c == 0:
			zeros++
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1a && c != 0x1b:
			others++
		}
	}
	if (zeros+others)*10 > len(text) {
		return &Refused{Code: RefusedContent, Reason: "the export is binary data, not text"}
	}
	return nil
}
