//go:build !race

package outbox_test

// modelChecks is how many sequences each half of the model test runs.
const modelChecks = "1000"

// usualCuts is how many power cuts each test of them tries.
const usualCuts = 1000
