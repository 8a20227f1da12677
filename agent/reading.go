package agent

import (
	"log/slog"
	"slices"

	"tillpost/config"
	"tillpost/export"
	"tillpost/inventory"
)

// Reading is how the exports of a source are read, and what becomes of their figures.
type Reading struct {
	Options    export.Options
	Stock      inventory.Stock
	Duplicates inventory.Duplicates
}

// ReadingOf is how the agent reads the exports of a source: what shows an export without taking it reads it so too.
func ReadingOf(c config.Source) Reading {
	return Reading{Options: readerOptions(c), Stock: stockOf(c), Duplicates: duplicatesOf(c)}
}

// tellLeftOut says once which columns of a source's exports are not read, because their stores or sizes are not known, and
// which members of archives.
func (s *source) tellLeftOut(log *slog.Logger, columns []string) {
	if len(columns) > 0 && !slices.Equal(columns, s.leftOut) {
		log.Warn("something in the export is left out: columns of unknown stores or sizes, or files that are no exports", "columns", s.redactAll(columns))
	}
	s.leftOut = columns
}
