package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// ReadingDigest identifies how the source's exports are read: two sources that make the same updates of the same bytes
// have the same digest. What decides when and whether an export is read (folder, settle, archive, guard) is not in it.
//
// It is stored beside the exports taken, so it must not change by itself: what is at its default is left out, so that a
// new key with a default that reads as before changes no digest. A new default for an old key needs a new name here.
func (s Source) ReadingDigest() string {
	said := map[string]any{}
	say(said, "preset", s.Preset, "")
	say(said, "format", s.Format, "auto")
	say(said, "encoding", s.Encoding, "auto")
	say(said, "delimiter", s.Delimiter, "auto")
	say(said, "decimal", s.Decimal, "auto")
	say(said, "header", s.Header, Header{})
	say(said, "sheet", s.Sheet, "")
	say(said, "row", s.Row, "")
	say(said, "identify_by", s.IdentifyBy, "auto")
	say(said, "upc", s.UPC, "checked")
	say(said, "upc_check_digit", s.UPCCheckDigit, "present")
	say(said, "split_size", s.SplitSize, false)
	say(said, "duplicates", s.Duplicates, "")
	say(said, "negative", s.Negative, "zero")
	say(said, "fractions", s.Fractions, "floor")
	say(said, "reserve", s.Reserve, 0)
	say(said, "missing", s.Missing, "keep")
	if s.Missing != "keep" {
		say(said, "missing_after", s.MissingAfter, 2)
	}
	needs := map[string]bool{} // their order says nothing
	for _, n := range s.SKUNeeds {
		needs[n] = true
	}
	if len(needs) != 2 {
		said["sku_needs"] = needs
	}
	if len(s.Columns) > 0 {
		said["columns"] = s.Columns
	}
	if len(s.Defaults) > 0 {
		said["defaults"] = s.Defaults
	}
	if len(s.Stores) > 0 {
		said["stores"] = s.Stores
	}
	text, err := json.Marshal(said) // with its keys in order
	if err != nil {
		panic("config: a source's values are always JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// say notes a value that is not the default.
func say[T comparable](said map[string]any, name string, value, byDefault T) {
	if value != byDefault {
		said[name] = value
	}
}
