package cli

import (
	"slices"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/dashboard"
	"tillpost/outbox"
)

// mostExports is how many exports of each source the status page lists.
const mostExports = 10

// pageStatus is how an agent that works is, for the status page.
func pageStatus(a *agent.Agent, c *config.Config) (out dashboard.Status, err error) {
	s, err := a.Status()
	if err != nil {
		return out, err
	}
	exports, err := a.Exports(mostExports)
	if err != nil {
		return out, err
	}
	out = pageFigures(s)
	calls := a.Calls()
	out.Requests, out.Latency, out.Heartbeat, out.Push = calls.Requests, calls.Latency, calls.Heartbeat, calls.Push
	for _, src := range s.Sources {
		one := dashboard.Source{Name: src.Name, State: src.State, Folder: src.Folder, Looked: src.Looked(), Overdue: src.Overdue}
		if i := slices.IndexFunc(c.Sources, func(s config.Source) bool { return s.Name == src.Name }); i >= 0 {
			one.Expect = c.Sources[i].Expect
		}
		for _, e := range exports[src.Name] {
			if one.Products == 0 && e.Refused == "" {
				one.Products = e.New + e.Changed + e.Unchanged + e.Older
			}
			one.Exports = append(one.Exports, pageExport(e))
		}
		if len(one.Exports) > 0 {
			one.Last = &one.Exports[0]
			if one.Last.At.After(out.LastExport) {
				out.LastExport = one.Last.At
			}
		}
		out.Sources = append(out.Sources, one)
	}
	return out, nil
}

func pageExport(e outbox.Export) dashboard.Export {
	return dashboard.Export{Name: e.Name, At: e.Taken, Rows: e.Rows, Changed: e.New + e.Changed, Unchanged: e.Unchanged, Rejects: e.Rejects, Held: e.Held, Refused: e.Refused}
}

// pageFigures is what a status says beside its sources.
func pageFigures(s agent.Status) dashboard.Status {
	out := dashboard.Status{At: time.Now(), Version: s.Version, State: s.State, Paused: s.Why == "by command",
		Products: s.Settled, Pending: s.Pending, InFlight: int64(s.InFlight), ToConfirm: s.ToConfirm, Failing: s.Failing,
		Oldest: time.Duration(s.OldestPending) * time.Second, ETA: -1, Dead: s.Dead, Unknown: s.Unknown, Held: s.Held, Listed: s.Listed,
		Delivered: s.Delivered, Unchanged: s.Unchanged, Rejects: s.Rejects, Reasons: s.Reasons, Ready: s.Ready,
		API: dashboard.API{State: s.API.State, Words: s.API.LastError}}
	if s.Since != nil {
		out.Since = *s.Since
	}
	if s.ETA != nil {
		out.ETA = time.Duration(*s.ETA) * time.Second
	}
	if s.LastDelivery != nil {
		out.LastDelivery = *s.LastDelivery
	}
	if s.API.Since != nil {
		out.API.Since = *s.API.Since
	}
	for _, p := range s.Problems {
		out.Problems = append(out.Problems, dashboard.Problem(p))
	}
	for _, l := range s.Loops {
		out.Loops = append(out.Loops, dashboard.Loop(l))
	}
	return out
}

// pageBetween is what the status page tells while no agent of the process has the outbox.
func pageBetween(notes *agent.Notes, begun time.Time) dashboard.Status {
	s := dashboard.Status{At: time.Now(), Version: programVersion(), State: "stopped", Since: begun, ETA: -1,
		API: dashboard.API{State: "unknown"}}
	for _, p := range notes.Problems() {
		s.Problems = append(s.Problems, dashboard.Problem(p))
	}
	return s
}
