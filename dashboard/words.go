package dashboard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Sentence says in one or two short sentences how the agent is, and how grave that is: what a person reads first.
func Sentence(s Status) (text string, grade Grade) {
	var p Problem
	i := told(s)
	if i >= 0 {
		p = s.Problems[i]
	}
	switch {
	case s.Paused && (i < 0 || p.Code == paused):
		return "Paused by command. " + lost(s), Needs
	case i >= 0 && p.Grade == Stops:
		return "Stopped: " + follow(p.What) + " " + lost(s), Stops
	case i >= 0 && p.Grade == Needs:
		return "Needs you: " + follow(p.What) + " " + restGoesOn(s), Needs
	case i >= 0:
		return p.What + " " + itself(s), Waits
	case s.State == "stopped":
		return "The agent is starting. " + itself(s), Waits
	case slices.ContainsFunc(s.Sources, func(src Source) bool { return src.State == starting }):
		return "The agent has just started and looks at its folders. " + itself(s), Waits
	case s.State == "paused":
		return "Sending pauses, and tries again in a while. " + itself(s), Waits
	case len(s.Problems) > 0:
		return fine(s), Notice
	}
	return fine(s), Well
}

// starting is the state of a source whose folder was not looked at yet.
const starting = "starting"

// paused is the code of the problem that sending is paused by command.
const paused = "paused"

// told is which of the problems the sentence tells, -1 = none: the first of the gravest, unless all of them are only good to know.
// That somebody has paused is told rather than what goes on meanwhile.
func told(s Status) int {
	at := -1
	for i, p := range s.Problems {
		if p.Grade < Notice && (!s.Paused || p.Code != paused) && (at < 0 || p.Grade < s.Problems[at].Grade) {
			at = i
		}
	}
	if s.Paused && (at < 0 || s.Problems[at].Grade != Stops) {
		return slices.IndexFunc(s.Problems, func(p Problem) bool { return p.Code == paused })
	}
	return at
}

// verdict is the problem that the sentence tells, empty where it tells none, and the others.
func verdict(s Status) (Problem, []Problem) {
	i := told(s)
	if i < 0 && s.Paused {
		return Problem{Code: paused, Do: "When sending may go on, run `tillpost resume` on this machine."}, s.Problems
	}
	if i < 0 {
		return Problem{}, s.Problems
	}
	return s.Problems[i], slices.Concat(s.Problems[:i], s.Problems[i+1:])
}

// fine is the sentence where nothing is wrong.
func fine(s Status) string {
	switch {
	case s.Pending > 0:
		text := well(s) + " " + plural(s.Pending, "update is", "updates are") + " on " + either(s.Pending == 1, "its", "their") + " way"
		if s.ETA < 0 {
			return text + "."
		}
		return text + ", all sent in " + about(s.ETA) + "."
	case s.LastExport.IsZero():
		return "Ready. No export has come yet."
	case s.Products == 0:
		return well(s) + " The last export came " + ago(s.At, s.LastExport) + "."
	}
	return well(s) + " " + plural(s.Products, "product is", "products are") + " up to date; the last export came " + ago(s.At, s.LastExport) + "."
}

// well says that all is well, but for what does not reach the shop as it should.
func well(s Status) string {
	var but []string
	add := func(n int64, one, many string) {
		if n > 0 {
			but = append(but, plural(n, one, many))
		}
	}
	add(s.Dead, "update that the web shop refuses", "updates that the web shop refuses")
	add(s.Failing, "update that keeps failing", "updates that keep failing")
	add(s.Listed, "row that was left out", "rows that were left out")
	if n := len(but); n > 1 {
		but = append(but[:n-2], but[n-2]+" and "+but[n-1])
	}
	if len(but) == 0 {
		return "All is well."
	}
	return "All is well but for " + strings.Join(but, ", ") + "."
}

// lost says that nothing is, and how many updates wait, which nobody knows while no agent has the outbox open.
func lost(s Status) string {
	switch {
	case s.State == "stopped":
		return "Nothing is lost."
	case s.Pending == 0:
		return "Nothing is lost: no update waits."
	}
	return "Nothing is lost: " + updates(s.Pending) + "."
}

// updates says how many wait.
func updates(n int64) string { return plural(n, "update waits", "updates wait") }

func restGoesOn(s Status) string {
	if s.Pending == 0 {
		return "All else goes on."
	}
	return "All else goes on: " + plural(s.Pending, "update is", "updates are") + " on " + either(s.Pending == 1, "its", "their") + " way."
}

func itself(s Status) string {
	if s.Pending == 0 {
		return "Nothing is lost, it goes on by itself."
	}
	return "Nothing is lost: " + updates(s.Pending) + ", and it goes on by itself."
}

// follow is a sentence as it stands after a colon: an ordinary word begins small, a name or `API` does not.
func follow(sentence string) string {
	first, n := utf8.DecodeRuneInString(sentence)
	second, _ := utf8.DecodeRuneInString(sentence[n:])
	if unicode.IsLower(second) || strings.HasPrefix(sentence, "A ") {
		return string(unicode.ToLower(first)) + sentence[n:]
	}
	return sentence
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// plural is a number with the word that fits it.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Number is a number with its thousands apart: 18,204.
func Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// span is how long something takes, as a person says it. It changes at most once a minute.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < 90*time.Minute:
		return plural(int64(d/time.Minute), "minute", "minutes")
	case d < 2*day:
		return plural(int64(d.Round(time.Hour)/time.Hour), "hour", "hours")
	}
	return plural(int64(d/day), "day", "days")
}

// about is span for what nobody knows exactly.
func about(d time.Duration) string {
	if d < time.Minute {
		return span(d)
	}
	return "about " + span(d.Round(time.Minute))
}

// ago says how long before now a moment was.
func ago(now, t time.Time) string {
	if d := now.Sub(t); d >= time.Minute {
		return span(d) + " ago"
	}
	return "just now"
}

// Plain is a stranger's text in which nothing acts: what does not print, or turns the direction of writing, is escaped as in Go.
func Plain(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// visible is Plain with an end.
func visible(s string) string {
	const most = 1000 // bytes
	text := Plain(upTo(s, most))
	if len(s) <= most && len(text) <= most {
		return text
	}
	return upTo(text, most) + "…"
}

// upTo is the beginning of a text, of so many bytes at most and whole characters.
func upTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
