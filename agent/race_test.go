//go:build race

package agent_test

// detectsRaces cuts long simulations short: the race detector makes them slow, and finds no more in a whole day.
const detectsRaces = true

// usualWeeks is how many weeks TestWeeks lives through where nobody says more.
const usualWeeks = 2
