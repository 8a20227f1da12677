//go:build race

package outbox_test

// modelChecks is how many sequences each half of the model test runs: the race detector makes them slow.
const modelChecks = "60"

// usualCuts is how many power cuts each test of them tries.
const usualCuts = 200
