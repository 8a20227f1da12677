// Package dashboard is what a person and a machine can see of the agent at `status.listen`: the status page, /metrics and
// /healthz. It is one http.Handler over a Status and a Desk, which whoever runs it provides; it starts nothing, keeps nothing on
// disk and asks nobody else.
//
// # Who sees what
//
//  1. Every request must name this machine by the Host that it is served at; any other is 421.
//  2. Whoever opens the port sees the sentence on top, the figures and the names of sources. What comes from exports, from the
//     API or from the disk (rows, codes, names of exports, folders, words of errors, the log), and whatever changes anything, needs
//     a session: the one-time link of `tillpost open`, then a cookie that never leaves this site.
//  3. Nothing is changed by a GET, nor by a request that another site has sent.
//  4. No secret is ever shown: what is given to this package holds none.
//  5. What strangers wrote is text on every page: no markup, nothing that is not to be seen, no formula in a download.
//
// # What it takes
//
// Nobody looking costs nothing: no goroutine, no timer, no memory but for the sessions, of which there are few. While somebody looks,
// the agent is asked once a second, however many look, and at most two long lists are read at a time.
package dashboard

import (
	"context"
	"iter"
	"time"
)

// Status is how the agent is, at one moment. A time that is zero was never.
type Status struct {
	At      time.Time // when it was asked
	Version string
	State   string    // running, paused (by command or by itself), stopped (between two agents of the process)
	Paused  bool      // by command
	Since   time.Time // when the running agent started

	Problems []Problem // the gravest first

	Products     int64 // keys whose last wanted quantity the API has acknowledged
	Pending      int64 // updates that wait, those in flight included, dead letters not
	InFlight     int64
	ToConfirm    int64         // of the pending: sent once more, to be sure
	Failing      int64         // of the pending: failed three times in a row or more
	Oldest       time.Duration // how long the oldest of them waits
	ETA          time.Duration // until all is sent; negative = not to be told
	Dead         int64         // dead letters
	Unknown      int64         // of those: of products or stores that the API does not know
	Held         int64         // held exports
	Listed       int64         // rejects of the newest exports, each row once
	LastDelivery time.Time
	LastExport   time.Time // when an export was taken last, of any source

	// Counted since the data folder began, over restarts.
	Delivered, Unchanged, Rejects int64
	Reasons                       map[string]int64 // the rejects by their class

	API     API
	Sources []Source
	Loops   []Loop
	Ready   bool // each folder was looked at, and what was found there dealt with

	Requests        []Count // requests by what came of them, since this process began
	Latency         Histogram
	Heartbeat, Push Link
}

// API is how the API takes updates.
type API struct {
	State string // ok, or why it does not
	Since time.Time
	Words string // of the last failure; only for a session
}

// Grade says how grave a problem is.
type Grade int

// The grades, the gravest first.
const (
	Stops  Grade = iota // nothing is delivered, or nothing is read, until somebody does something
	Needs               // somebody must look at it; the rest goes on
	Waits               // it heals by itself, or has just begun
	Notice              // good to know
	Well                // nothing is wrong; only what Sentence answers
)

// Problem is one thing that is wrong, in plain words.
type Problem struct {
	Code   string // one of few: its name in metrics and in the page
	Grade  Grade
	Source string    // that it is about; empty = none
	What   string    // what is wrong: a whole sentence, nothing of a stranger's in it
	Do     string    // what to do: one or more whole sentences; empty = nothing
	Words  string    // what the API, the disk or an export said; only for a session
	Since  time.Time // zero = not known
}

// Source is how a source is.
type Source struct {
	Name     string
	State    string // ok, starting, folder missing, problem, stopped
	Folder   string // only for a session
	Looked   time.Time
	Expect   time.Duration // 0 = no expectation
	Overdue  bool
	Last     *Export  // nil = there was none yet
	Exports  []Export // the newest first, Last among them; only for a session
	Products int64    // that it named last
}

// Export is one export, and what came of it.
type Export struct {
	Name      string // only for a session
	At        time.Time
	Rows      int64
	Changed   int64 // new ones included
	Unchanged int64
	Rejects   int64
	Held      bool
	Refused   string // why nothing of it was taken; only for a session, but that it was
}

// Loop is a goroutine that must turn.
type Loop struct {
	Name   string    // drain, source NAME
	Wrong  string    // why it does not; empty = it does
	Turned time.Time // when it was seen to turn last; zero = it has not begun
}

// Count is a count with a name.
type Count struct {
	Name string
	N    uint64
}

// Histogram is of durations in seconds.
type Histogram struct {
	Bounds []float64 // upper ones
	Counts []uint64  // so many at most each of them: cumulative
	Count  uint64
	Sum    float64
}

// Link is how something that calls out by itself goes: the heartbeat, the push of metrics.
type Link struct {
	On    bool
	Last  time.Time // that it worked
	Wrong string    // why it does not; empty = it does, or has not been tried
	Fails uint64    // since this process began
}

// Desk is what is behind the page for a session. Lists are as of the moment in which they are read.
type Desk interface {
	// Pause stops sending, or lets it go on.
	Pause(ctx context.Context, paused bool) error
	// Held lists the held exports.
	Held(context.Context) ([]Held, error)
	// ActHeld releases or discards one; done is false where there is none of that id.
	ActHeld(ctx context.Context, id string, release bool) (done bool, err error)
	// DeadGroups are the first MostWalked dead letters by reason, the largest group first.
	DeadGroups(context.Context) ([]DeadGroup, error)
	// ActDead retries or discards those of a group, empty = all, and says how many.
	ActDead(ctx context.Context, group string, retry bool) (n int64, err error)
	// Dead gives all dead letters.
	Dead(context.Context) iter.Seq2[Dead, error]
	// Rejects gives the listed rejects.
	Rejects(context.Context) iter.Seq2[Reject, error]
	// RejectWords says what is wrong with rejects of a class, after their number: "with a wrong UPC".
	RejectWords(class string) string
	// Why tells everything that is known of one product.
	Why(ctx context.Context, code string) (Why, error)
	// History is what was delivered, waited and failed over time.
	History(context.Context) (History, error)
	// Log is the newest lines of the log, the oldest first.
	Log() []string
}

// Held is an export that a guard stopped.
type Held struct {
	ID       string
	Source   string
	Export   string
	At       time.Time
	Rows     int64
	Why      string // a whole sentence
	Released bool   // and is about to be taken
	Stores   []HeldStore
}

// HeldStore is what made the guard act, in one store. All are numbers of products.
type HeldStore struct {
	Store                                  string
	Known, Stocked, Zero, Changed, Missing int64
}

// DeadGroup is dead letters of one reason.
type DeadGroup struct {
	ID    string // what ActDead takes; hexadecimal
	Kind  string // unknown, refused
	Words string // the API's, what differs from one to the other left out
	N     int64
	First []Dead // of them, a few
}

// Dead is a dead letter.
type Dead struct {
	ID, Kind         string
	UPC              string // empty = it is named by the others
	SKU, Size, Width string
	Store            string
	Quantity         int64
	Status           int    // HTTP
	Words            string // the API's
	At               time.Time
	Next             time.Time // when it is tried again by itself; zero = not, or it is about to be
	Source, Export   string
	Line             uint64 // 0 = not known
}

// Reject is a row that could not become an update.
type Reject struct {
	ID, Class, Why string
	At             time.Time
	Source, Export string
	Line           uint64
	Row            []string
}

// Why is everything that is known of one product.
type Why struct {
	Keys    []Story
	Rejects []Reject
	More    bool // there are others
}

// Story is everything that is known of one key: a few sentences with a heading.
type Story struct {
	Title string // the product and the store
	Lines []Fact
}

// Fact is one line of a story.
type Fact struct{ Name, Text string }

// History is of the last 24 hours and the last 30 days, the oldest first; moments of which nothing is known are left out.
type History struct {
	Day   []Point // every 5 minutes
	Month []Point // every hour
}

// Point is one span of time.
type Point struct {
	At        time.Time // its begin
	Delivered int64     // in it
	Errors    int64     // requests in it that were refused or failed
	Waiting   int64     // at the most
}
