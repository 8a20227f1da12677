//go:build race

package export_test

// detectsRaces leaves out what measures memory: the race detector needs some of its own, and minutes for it.
const detectsRaces = true
