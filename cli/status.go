package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/outbox"
)

func (con *console) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [--config FILE] [--json]",
		Short: "the agent's state, of the running one or from the data folder",
		Example: "  tillpost status\n" +
			"  tillpost status --json",
		Args: noArguments,
	}
	path := configFlag(cmd)
	asJSON := jsonFlag(cmd, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := loadConfig(*path)
		if err != nil {
			return err
		}
		var s agent.Status
		err = withDesk(cmd.Context(), c, func(d agent.Desk) (err error) {
			s, err = d.Status(cmd.Context())
			return err
		})
		if err != nil {
			return err
		}
		if *asJSON {
			con.json(s)
			return nil
		}
		con.showStatus(s, time.Now())
		con.hints(statusHints(c, s))
		return nil
	}
	return cmd
}

// showStatus prints a status for a person.
func (con *console) showStatus(s agent.Status, now time.Time) {
	t := newColumns(con)
	row := func(name, format string, args ...any) { t.row(name + "\t" + fmt.Sprintf(format, args...)) }
	row("agent", "%s", agentLine(s, now))
	row("to send", "%s", pendingLine(s))
	if w := s.Worst; w != nil {
		row("failing", "%s", failingLine(s.Failing, w, now))
	}
	row("delivered", "%s", deliveredLine(s, now))
	row("unchanged", "%s", plural(s.Unchanged, "row")+" not sent, because nothing had changed")
	row("rejects", "%s", rejectsLine(s))
	row("dead letters", "%s", deadLine(s))
	if s.Held > 0 {
		row("held", "%s", plural(s.Held, "export")+" (`tillpost held list` says why)")
	}
	row("API", "%s", apiLine(s, now))
	for _, src := range s.Sources {
		row("source "+plain(src.Name), "%s", sourceLine(src, now))
	}
	if r := s.Rebuilt; r != nil {
		row("outbox", "%s", rebuiltLine(r, now))
	}
	for _, p := range otherProblems(s) {
		row("problem", "%s", problemLine(p))
	}
	if s.Page != "" {
		row("page", "%s (`tillpost open` shows it)", plain(s.Page))
	}
	row("data", "%s", plain(s.DataDir))
	t.flush()
}

// otherProblems are those that no line of its own tells of.
func otherProblems(s agent.Status) (list []agent.Problem) {
	for _, p := range s.Problems {
		switch p.Code {
		case agent.ConfigRefused, agent.PageNotServed, agent.LogNotWritten, agent.OutboxUnusable, agent.TokenUnreadable, agent.HeartbeatFailing, agent.PushFailing,
			agent.Stuck, agent.Overdue, agent.NoNotifications, agent.FutureExport, agent.RejectsNotListed:
			list = append(list, p)
		}
	}
	return list
}

// problemLine is a problem in one line.
func problemLine(p agent.Problem) string {
	line := p.What
	if p.Source != "" {
		line = p.Source + ": " + line
	}
	if p.Words != "" {
		line += " (" + oneLine(p.Words, 200) + ")"
	}
	return plain(line)
}

// rebuiltLine tells that the outbox was made anew.
func rebuiltLine(r *outbox.Rebuilt, now time.Time) string {
	line := "made anew " + span(now.Sub(r.At)) + " ago, and everything sent again from the exports that were still there; the one before "
	if r.File == "" {
		return line + clip(r.Why, 200)
	}
	return line + "lies in " + plain(r.File) + " (" + clip(r.Why, 200) + ")"
}

func agentLine(s agent.Status, now time.Time) string {
	line := s.State
	if s.Why != "" {
		line += ", " + plain(s.Why)
	}
	if s.State == "paused" && s.Why == "by command" {
		line += " (`tillpost resume` lets it go on)"
	}
	if s.PID != 0 {
		line += fmt.Sprintf(", process %d", s.PID)
	}
	if s.Since != nil {
		line += ", for " + span(now.Sub(*s.Since))
	}
	return line
}

func pendingLine(s agent.Status) string {
	if s.Pending == 0 {
		return "nothing"
	}
	parts := []string{plural(s.Pending, "update")}
	if s.InFlight > 0 {
		parts = append(parts, number(s.InFlight)+" in flight")
	}
	if s.ToConfirm > 0 {
		parts = append(parts, number(s.ToConfirm)+" of them only once more, to be sure")
	}
	parts = append(parts, "the oldest waits for "+span(time.Duration(s.OldestPending)*time.Second))
	if s.ETA != nil && *s.ETA > 0 {
		parts = append(parts, "all sent in about "+span(time.Duration(*s.ETA)*time.Second))
	}
	return strings.Join(parts, ", ")
}

// failingLine tells of the updates that keep failing, and of the worst of them.
func failingLine(n int64, w *agent.FailingUpdate, now time.Time) string {
	line := fmt.Sprintf("%s again and again, most often %s: %s failures, the last %s ago: ",
		plural(n, "update"), plain(w.Key.String()), number(w.Failures), span(now.Sub(w.At)))
	if w.Status != 0 {
		line += fmt.Sprintf("%d ", w.Status)
	}
	return line + clip(w.Error, 200)
}

func deliveredLine(s agent.Status, now time.Time) string {
	line := plural(s.Delivered, "update")
	if s.LastDelivery != nil {
		line += ", the last " + span(now.Sub(*s.LastDelivery)) + " ago"
	}
	return line
}

func rejectsLine(s agent.Status) string {
	line := plural(s.Rejects, "row")
	if s.Rejects > 0 {
		line += " so far, " + number(s.Listed) + " of the newest exports"
	}
	if s.Listed > 0 {
		line += " (`tillpost rejects` lists them)"
	}
	return line
}

func deadLine(s agent.Status) string {
	if s.Dead == 0 {
		return "none"
	}
	line := plural(s.Dead, "update") + " refused for good"
	if s.Unknown > 0 {
		line += fmt.Sprintf(", %s of them because the API does not know the product or the store", number(s.Unknown))
	}
	return line + " (`tillpost dead list` lists them)"
}

func apiLine(s agent.Status, now time.Time) string {
	line := plain(s.API.State)
	if s.API.Since != nil {
		line += " for " + span(now.Sub(*s.API.Since))
	}
	if s.API.State != "ok" && s.API.LastError != "" {
		line += ": " + clip(s.API.LastError, 200)
	}
	return line
}

func sourceLine(src agent.SourceStatus, now time.Time) string {
	line := plain(src.State)
	if src.Problem != "" {
		line += " (" + plain(src.Problem) + ")"
	}
	if src.Overdue {
		line += ", overdue"
	}
	line += ", " + plain(src.Folder)
	e := src.LastExport
	if e == nil {
		return line + "; no export yet"
	}
	line += fmt.Sprintf("; %s %s ago: ", plain(e.Name), span(now.Sub(e.At)))
	if e.Held {
		return line + "held, " + clip(e.Refused, 200)
	}
	if e.Refused != "" {
		return line + "refused, " + clip(e.Refused, 200)
	}
	line += fmt.Sprintf("%s, %s changed, %s", plural(e.Rows, "row"), number(e.Changed), plural(e.Rejects, "reject"))
	if len(e.Reasons) > 0 {
		line += " (" + reasonsLine(e.Reasons, 3) + ")"
	}
	return line
}
