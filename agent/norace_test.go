//go:build !race

package agent_test

// detectsRaces is false: see race_test.go.
const detectsRaces = false

// usualWeeks is how many weeks TestWeeks lives through where nobody says more.
const usualWeeks = 4
