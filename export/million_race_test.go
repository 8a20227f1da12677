//go:build race

package export_test

// million is less where the race detector makes it slow, which finds no more in all of it.
const million = 50_000
