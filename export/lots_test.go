//go:build !race

package export_test

// lots is how many of something a test has that must not be kept.
const lots = 300_000
