//go:build !race

package export_test

// million is how many of something a test has that must not be kept.
const million = 1_000_000
