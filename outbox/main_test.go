package outbox_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain is also the writer that TestAKilledWriterLosesNothing kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		write(dir)
		return
	}
	flag.Parse()
	usual := map[string]string{"rapid.checks": modelChecks, "rapid.steps": "20", "rapid.nofailfile": "true"}
	flag.Visit(func(f *flag.Flag) { delete(usual, f.Name) })
	for name, value := range usual {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
