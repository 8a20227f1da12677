package main_test

// promise is one of those that delivery.md explains, in their order. Tests name it by its number, or by the invariant (I1...) that
// stands behind it.
type promise struct {
	what, how string
	also      []string // invariants
}

var promises = []promise{
	{"Nothing is lost", "an export's rows are taken in one transaction that is flushed before the export is put away; an answer counts once it is stored", []string{"I1", "I11", "I12"}},
	{"The API ends at the truth", "a row is compared with what was last wanted; what is refused or in doubt stays on the books", []string{"I1", "I2"}},
	{"Never two requests for one product at a time, never an older quantity after a newer", "a key is leased to one request, and what is sent is taken from the outbox at the last moment", []string{"I3", "I4"}},
	{"In doubt is not delivered", "what may still land late is written down, and the newest quantity is sent once more afterwards, over restarts", []string{"I4", "I5"}},
	{"Only changes travel", "the comparison is with the quantity last wanted, duplicates are settled before", []string{"I2"}},
	{"An export is read only when it is whole", "it lies still, and is the same before and after it was read; a last row without its end waits", []string{"I9", "I10"}},
	{"A bad row, export or config stops nothing else", "rows, exports and configs are judged one by one", []string{"I13", "I17"}},
	{"Newer is decided for each product", "each record knows the rank of the newest export that named its key", []string{"I6", "I7", "I8"}},
	{"What could oversell goes first, and nothing waits for ever", "four classes, each by age, and every fourth request is the oldest of all", []string{"I14"}},
	{"No export empties a store by itself", "exact counts before anything is queued; what is suspicious is held until a person or the next good export", []string{"I15"}},
	{"Damage is set aside and mended; the token is shown nowhere", "every value has a check sum; what is in doubt is rebuilt from the exports", []string{"I19", "I21"}},
}
