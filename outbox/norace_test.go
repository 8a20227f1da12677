//go:build !race

package outbox_test

// modelChecks is how many sequences each half of the model test runs.
const modelChecks = "1000"
