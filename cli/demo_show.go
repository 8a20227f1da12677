package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"tillpost/agent"
)

const (
	tellWidth  = 110 // characters of a line
	tellIndent = 7   // of them before the text: the clock's
)

// say prints as console.printf does, in the place of the progress bar.
func (d *demo) say(format string, args ...any) {
	d.con.err.end()
	d.con.behind.flush()
	d.con.printf(format, args...)
}

// tell prints a text behind the story's clock, in lines of tellWidth.
func (d *demo) tell(clock, text string) {
	width := tellWidth
	if d.con.err.columns > 0 {
		width = min(width, d.con.err.columns)
	}
	for _, line := range wrapWords(plain(strings.TrimSpace(text)), width-tellIndent) {
		d.say("%-*s%s\n", tellIndent, clock, line)
		clock = ""
	}
}

// wrapWords breaks a text at blanks into lines of at most width characters, where its words allow it.
func wrapWords(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// demoPulse is what is shown of what happens now.
type demoPulse struct {
	samples []demoSample // of the last rateWindow, and one before
	base    int64        // what was delivered when nothing waited last
	text    string       // told last, and
	told    time.Time    // when
}

type demoSample struct {
	at        time.Time
	delivered int64
}

// rateWindow is the time that the rate is measured over.
const rateWindow = 2 * time.Second

// rate takes a sample, and is how many updates a second were delivered lately.
func (p *demoPulse) rate(now time.Time, delivered int64) int64 {
	p.samples = append(p.samples, demoSample{now, delivered})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateWindow {
		p.samples = p.samples[1:]
	}
	first := p.samples[0]
	if took := now.Sub(first.at); took > 0 {
		return int64(float64(delivered-first.delivered)/took.Seconds() + 0.5)
	}
	return 0
}

// showLive shows the live counts: on a terminal in a line that stays in its place, else in a line now and then.
func (d *demo) showLive(s agent.Status, now time.Time) {
	text := liveCounts(s, d.live.rate(now, s.Delivered))
	if d.con.out.terminal && d.con.err.terminal {
		if s.Pending == 0 {
			d.live.base = s.Delivered
			d.con.err.end()
			return
		}
		done := s.Delivered - d.live.base
		d.con.err.progress(done, done+s.Pending, text)
		return
	}
	if s.Pending == 0 || text == d.live.text || now.Sub(d.live.told) < d.tempo.tell {
		return
	}
	d.live.text, d.live.told = text, now
	d.tell("", text)
}

// liveCounts are the live counts as a line.
func liveCounts(s agent.Status, rate int64) string {
	return fmt.Sprintf("%s waiting, %s delivered, %d/s", number(s.Pending), number(s.Delivered), rate)
}

// summary is what the day came to.
func (d *demo) summary() string {
	s, n := d.day.seen, d.api.Counters()
	turned := notTaken(n)
	again := int64(n.Requests) - turned - s.Delivered
	var b strings.Builder
	b.WriteString("The day in figures\n\n")
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s  %s\n", name, fmt.Sprintf(format, args...))
	}
	row("exports", "%s with %s; refused as a whole: %s, rows set aside: %s", number(d.day.exports), plural(d.day.rows, "row"),
		number(d.day.refused), number(s.Rejects))
	row("updates", "%s delivered, %s waiting; %s not sent, because nothing in them had changed", number(s.Delivered), number(s.Pending),
		plural(s.Unchanged, "row"))
	row("requests", "%s; of them turned away and made again: %s, sent a second time: %s", number(n.Requests), number(turned), number(again))
	row("saved", "after the morning %s told of every change at once; one upload of everything, at night, takes %s",
		plural(int64(n.Requests)-d.day.opening, "request"), number(len(d.stock)))
	row("time", "%s", ago(d.day.begun))
	return b.String()
}

// follow tells of the person's own exports until ctx ends, and passes on what the agent's log says of them.
func (d *demo) follow(ctx context.Context) error {
	log, err := os.Open(d.path("agent.log"))
	if err != nil {
		return err
	}
	defer log.Close() // it is only read
	if _, err := log.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	told, delivered := d.day.seen.Sources[0].LastExport, d.day.seen.Delivered
	for {
		if err := d.pause(ctx, d.tempo.look); err != nil {
			return err
		}
		if err := d.look(ctx); err != nil {
			return err
		}
		words, err := io.ReadAll(log)
		if err != nil {
			return err
		}
		if len(words) > 0 {
			_, _ = d.con.err.Write(words) // there is nowhere left to tell of it
		}
		s := d.day.seen
		if e := s.Sources[0].LastExport; e.Name != told.Name || !e.At.Equal(told.At) {
			told = e
			if e.Refused == "" { // else the log says so
				d.say("%s: %s, %s changed, %s\n", plain(e.Name), plural(e.Rows, "row"), number(e.Changed), plural(e.Rejects, "reject"))
			}
		}
		if s.Pending == 0 && s.Delivered != delivered {
			d.say("   %s delivered\n", plural(s.Delivered-delivered, "update"))
			delivered = s.Delivered
		}
	}
}
