package agent_test

import (
	"os"
	"testing"
	"time"
	_ "time/tzdata" // Windows has none
)

// helpers are what the test binary is instead of the tests, by the variable of the environment that names its folder.
var helpers = map[string]func(dir string){}

// TestMain is also the helpers. The tests are where there is summer time (C4).
func TestMain(m *testing.M) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	time.Local = zone
	for name, help := range helpers {
		if dir := os.Getenv(name); dir != "" {
			help(dir)
			return
		}
	}
	os.Exit(m.Run())
}
