//go:build clock

package testkit

import (
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname
)

//go:linkname setClock time.setClock
func setClock(nanoseconds int64)

func init() {
	var ahead atomic.Int64
	SetClock = func(d time.Duration) {
		ahead.Add(int64(d))
		setClock(int64(d))
	}
	Steady = func() time.Time { return time.Now().Round(0).Add(-time.Duration(ahead.Load())) }
}
