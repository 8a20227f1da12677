//go:build race

package export_test

// lots are fewer where the race detector makes it slow, which finds no more in all of it.
const lots = 50_000
