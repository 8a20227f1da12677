//go:build race

package agent_test

// detectsRaces cuts long simulations short: the race detector makes them slow, and finds no more in a whole day.
const detectsRaces = true
