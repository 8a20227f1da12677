package agent_test

import (
	"os"
	"testing"
	"time"
	_ "time/tzdata" // Windows has none
)

// TestMain runs the tests where there is summer time (C4).
func TestMain(m *testing.M) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	time.Local = zone
	os.Exit(m.Run())
}
