package agent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillpost/dashboard"
)

// Problem is one thing that is wrong, in plain words: what the status page, `status`, the metrics and the heartbeat tell of it.
// It is a dashboard.Problem.
type Problem struct {
	Code   string          `json:"problem"` // one of the kinds
	Grade  dashboard.Grade `json:"grade"`
	Source string          `json:"source,omitempty"`
	What   string          `json:"what"`            // a whole sentence, of our words and figures alone
	Do     string          `json:"do,omitempty"`    // what to do, in whole sentences
	Words  string          `json:"words,omitempty"` // what the API, the disk or an export said
	Since  time.Time       `json:"since,omitzero"`
}

// kind is a class of problems.
type kind struct {
	grade dashboard.Grade
	what  string
	do    string
}

// The codes of problems: their names in metrics and in the page.
const (
	badToken      = "token"
	badTokenFile  = "token_file"
	badAPI        = "not_our_api"
	badRefusals   = "everything_refused"
	badConnection = "no_connection"
	badAnswers    = "api_failing"
	badPace       = "api_slows_down"
	badDisk       = "disk_full"
	badPause      = "paused"
	badOutbox     = "outbox_unusable"
	badRebuilt    = "outbox_made_anew"
	badLedger     = "sent_once_more"
	badUpdates    = "updates_failing"
	badUnknown    = "products_unknown"
	badDead       = "updates_refused"
	badHeld       = "export_held"
	badExport     = "export_refused"
	badRejects    = "rejects"
	badOverdue    = "overdue"
	badFolder     = "folder_missing"
	badSilence    = "folder_silent"
	badTaking     = "exports_not_taken"
	badReading    = "exports_unreadable"
	badAfter      = "exports_not_put_away"
	badListing    = "rejects_not_listed"
	badNotify     = "no_notifications"
	badClock      = "export_of_the_future"
	badFlaps      = "sources_contradict"
	badLists      = "no_full_list"
	badConfig     = "config_refused"
	badPage       = "page_not_served"
	badHeartbeat  = "heartbeat_failing"
	badPush       = "metrics_push_failing"
	badLog        = "log_not_written"
	badLoop       = "stuck"
)

// kinds are all classes of problems. In their sentences %s is a figure or nothing.
var kinds = map[string]kind{
	badToken: {dashboard.Stops, "The API does not accept the token.",
		"Ask the API's operator for the token and store it with `tillpost token set`. Sending goes on by itself within seconds."},
	badTokenFile: {dashboard.Needs, "The token cannot be read any more; the one before goes on.",
		"Store the token with `tillpost token set`: without it tillpost does not start again."},
	badAPI: {dashboard.Stops, "What answers is not the web shop's API.",
		"Compare `url` in the config with what the API's operator says. A guest network that wants a login, a proxy or a wrong clock of this computer shows up like this too."},
	badRefusals: {dashboard.Stops, "The API refuses everything, also what it took before.",
		"Compare `url`, and the stores in `defaults` and `stores`, with what the API's operator says. It is tried again by itself."},
	badConnection: {dashboard.Waits, "There is no connection to the API.",
		"See to this computer's network, and to `url` in the config. It is tried until there is a connection."},
	badAnswers: {dashboard.Waits, "The API is there and takes no updates.",
		"Where that lasts, tell its operator. It is tried until it does."},
	badPace: {dashboard.Notice, "The API asks for fewer requests and gets them.",
		"Where that lasts, tell its operator, or write a lower `rate` into the config."},
	badDisk: {dashboard.Stops, "The disk is full.",
		"Make room on the disk of tillpost's data folder. It goes on by itself then."},
	badPause: {dashboard.Stops, "Paused by command.",
		"`tillpost resume`, or the button on the status page, lets it go on."},
	badOutbox: {dashboard.Stops, "The outbox cannot be used.",
		"Look after the disk of tillpost's data folder. It is opened again until it can be used."},
	badRebuilt: {dashboard.Notice, "The outbox was damaged and was made anew; everything was sent again from the exports that were still there.",
		"Look after the disk of this computer: it may be about to fail."},
	badLedger: {dashboard.Notice, "It is not certain what the API holds, so everything is sent once more.",
		"Nothing. Where this computer is a copy of another, stop tillpost on one of them."},
	badUpdates: {dashboard.Notice, "%s again and again, while others pass.",
		"Tell the API's operator what it says to them. They are tried again by themselves, ever more slowly, and hold nothing up."},
	badUnknown: {dashboard.Notice, "The web shop does not know %s.",
		"Compare the codes in the exports, and the stores in the config, with what the web shop has, or add the products there. They are sent again by themselves."},
	badDead: {dashboard.Notice, "The API has refused %s for good.",
		"See what it said, put that right, and let them be sent again."},
	badHeld: {dashboard.Needs, "%s held, because it would change too much of the web shop.",
		"Look at its figures. If they are right, release it; if not, discard it and let the POS export again."},
	badExport: {dashboard.Needs, "The last export could not be understood and has changed nothing.",
		"`tillpost preview` with that export says what is wrong in it, and what to do."},
	badRejects: {dashboard.Notice, "%s of the newest exports could not be read; the others were.",
		"`tillpost rejects` says what is wrong with each: put it right in the POS."},
	badOverdue: {dashboard.Needs, "No export has come for longer than expected.",
		"See whether the POS still writes its exports, and into the right folder."},
	badFolder: {dashboard.Needs, "The folder of the exports cannot be read.",
		"Make the folder, or mend `folder` in the config, or let tillpost's account read it. It is waited for."},
	badSilence: {dashboard.Needs, "The folder of the exports does not answer.",
		"See whether the computer or share that the folder lies on is there. It is waited for."},
	badTaking: {dashboard.Needs, "Exports cannot be taken in; deliveries go on.",
		"Make room on the disk of tillpost's data folder. They are taken in then."},
	badReading: {dashboard.Waits, "%s be read.", // a till, or what looks for viruses, has it open for a moment
		"Another program may have it open, or tillpost's account may not read it. It is tried again."},
	badAfter: {dashboard.Notice, "%s be put away.",
		"Let tillpost's account write in the folder of the exports and in the archive. It is tried again."},
	badListing: {dashboard.Notice, "What could not be read of exports cannot be written down.",
		"Let tillpost's account write in its data folder."},
	badNotify: {dashboard.Notice, "The system tells nothing of new exports; they are found by looking, a little later.",
		"On a network share that is as it must be. On a disk of this computer, raise the limit that `tillpost status` names."},
	badClock: {dashboard.Notice, "An export is dated in the future and counts as of now.",
		"See to the clock of the computer that writes it, and to this one's."},
	badFlaps: {dashboard.Needs, "Two sources say different things of one product, and the newest counts.",
		"Let one of them name it, or let both write what is true."},
	badLists: {dashboard.Needs, "`missing: zero` is off for the last export: it names fewer than a tenth of the products of the one before.",
		"Take `missing: zero` out of the config for this source, or give the full lists a folder of their own."},
	badConfig: {dashboard.Needs, "The config was changed and cannot be taken up; the one before goes on.",
		"`tillpost check` says what is wrong in it. It is taken up once that is mended."},
	badPage: {dashboard.Notice, "The status page cannot be served.",
		"Write another port into the config as `listen` under `status`, or end the program that has this one; then restart tillpost."},
	badHeartbeat: {dashboard.Notice, "The heartbeat cannot be sent.",
		"Compare `url` under `heartbeat` in the config with what the service says."},
	badPush: {dashboard.Notice, "The metrics cannot be pushed.",
		"Compare `url` under `metrics_push` in the config with what its operator says."},
	badLog: {dashboard.Notice, "The log's file cannot be written.",
		"Make room on its disk, or let tillpost's account write there."},
	badLoop: {dashboard.Stops, "A part of tillpost has come to a standstill.",
		"`tillpost restart` starts it anew; it loses nothing. Send what `tillpost support` writes to whoever helps you."},
}

// When what heals by itself has lasted so long that somebody should look.
const lastsLong = 15 * time.Minute

// problem makes one of a kind; figure is what its sentence has in the place of %s.
func problem(code, figure, words string, since time.Time) Problem {
	k := kinds[code]
	p := Problem{Code: code, Grade: k.grade, What: strings.Replace(k.what, "%s", figure, 1), Do: k.do, Words: words, Since: since.UTC()}
	if since.IsZero() {
		p.Since = time.Time{}
	}
	if k.grade == dashboard.Waits && !since.IsZero() && time.Since(since) > lastsLong {
		p.Grade = dashboard.Needs
	}
	return p
}

// stateProblems are the kinds of the drain's states.
var stateProblems = map[string]string{stateToken: badToken, stateNotOurs: badAPI, stateRefuses: badRefusals, stateOffline: badConnection,
	stateFailing: badAnswers, stateSlowed: badPace, stateDisk: badDisk}

// problems are what a status shows to be wrong, beside those that it has already: the gravest first.
func (s *Status) problems(paused bool) []Problem {
	list := append([]Problem{}, s.Problems...)
	if paused {
		list = append(list, problem(badPause, "", "", time.Time{}))
	}
	code, wrong := stateProblems[s.API.State]
	if wrong {
		var since time.Time
		if s.API.Since != nil {
			since = *s.API.Since
		}
		list = append(list, problem(code, "", s.API.LastError, since))
	}
	if s.Held > 0 {
		list = append(list, problem(badHeld, countOf(s.Held, "An export is", "%s exports are"), "", time.Time{}))
	}
	if s.Unknown > 0 {
		list = append(list, problem(badUnknown, countOf(s.Unknown, "one product", "%s products"), "", time.Time{}))
	}
	if n := s.Dead - s.Unknown; n > 0 {
		list = append(list, problem(badDead, countOf(n, "one update", "%s updates"), "", time.Time{}))
	}
	if w := s.Worst; w != nil && (!wrong || code == badPace) { // else none pass
		list = append(list, problem(badUpdates, countOf(s.Failing, "One update fails", "%s updates fail"), w.Key.String()+": "+w.Error, time.Time{}))
	}
	if s.Listed > 0 {
		list = append(list, problem(badRejects, countOf(s.Listed, "One row", "%s rows"), "", time.Time{}))
	}
	if r := s.Rebuilt; r != nil {
		list = append(list, problem(badRebuilt, "", r.Why, r.At))
	}
	for i := range s.Sources {
		list = append(list, s.Sources[i].problems()...)
	}
	if s.Delivered == 0 && s.Pending == 0 { // the API has taken nothing yet, and nothing is left that it could
		for i := range list {
			if list[i].Code == badUnknown || list[i].Code == badDead {
				list[i].Grade = dashboard.Needs
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Problem) int { return cmp.Compare(a.Grade, b.Grade) })
	return list
}

// problems are what is wrong with a source, those that it has noted itself included.
func (s *SourceStatus) problems() (list []Problem) {
	list = append(list, s.faults...)
	if e := s.LastExport; e != nil {
		switch {
		case e.Held: // counted as held
		case e.Refused != "":
			list = append(list, problem(badExport, "", e.Name+": "+e.Refused, e.At))
		case e.Apart:
			list = append(list, problem(badLists, "", e.Name, e.At))
		}
	}
	if s.Overdue {
		list = append(list, problem(badOverdue, "", "", s.came))
	}
	for i := range list {
		list[i].Source = s.Name
	}
	return list
}

// countOf is a number in a sentence, which has other words for one.
func countOf(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, dashboard.Number(n))
}
