//go:build !race

package export_test

// detectsRaces is false: see race_test.go.
const detectsRaces = false
