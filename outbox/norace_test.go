//go:build !race

package outbox_test

// usual is how often the tests that draw something try: sequences of each half of the model, and power cuts of each test.
var usual = struct {
	checks string
	cuts   int
}{checks: "400", cuts: 400}
