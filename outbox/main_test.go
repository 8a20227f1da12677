package outbox_test

import (
	"flag"
	"os"
	"testing"
)

// helpers are what the test binary is instead of the tests, by the variable of the environment that names its folder.
var helpers = map[string]func(dir string){writerEnv: write}

// TestMain is also the helpers, such as the writer that TestAKilledWriterLosesNothing kills.
func TestMain(m *testing.M) {
	for name, help := range helpers {
		if dir := os.Getenv(name); dir != "" {
			help(dir)
			return
		}
	}
	flag.Parse()
	flags := map[string]string{"rapid.checks": usual.checks, "rapid.steps": "20", "rapid.nofailfile": "true"}
	flag.Visit(func(f *flag.Flag) { delete(flags, f.Name) })
	for name, value := range flags {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
