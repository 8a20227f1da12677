//go:build !race

package agent_test

// detectsRaces is false: see race_test.go.
const detectsRaces = false
