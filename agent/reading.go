package agent

import (
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
