package cli

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// How the stand-in API answers while all is well.
const (
	usualLatency = 5 * time.Millisecond
	usualJitter  = 10 * time.Millisecond
)

// slowLatency is how slow it is in the evening.
const slowLatency = 400 * time.Millisecond

// demoDay is the day, scene by scene.
func demoDay() []demoScene {
	return slices.Concat(demoMorning(), demoNoon(), demoAfternoon(), demoEvening())
}

// demoMorning: all goes well.
func demoMorning() []demoScene {
	return []demoScene{{
		clock:   "09:00",
		happens: "The till writes the morning's export. tillpost has not seen one before: every row is news.",
		do:      exportMorning,
		until:   allDelivered(),
		result:  (*demo).soldOutFirst,
		safe:    "what is sold out goes first, so that nobody can order what is not there.",
	}, {
		clock:   "10:30",
		happens: "Some pairs are sold, and the till exports all of its rows again, as tills do.",
		do:      trading("stock-1030.csv", 9),
		until:   allDelivered(),
		result:  (*demo).onlyChanges,
		safe:    "only what has changed travels. The API knows it at once, and is not bothered with the rest.",
	}, {
		clock:   "12:00",
		happens: "Noon: more sales, a delivery is unpacked, and the till writes the next export.",
		do:      trading("stock-1200.csv", 23),
		until:   allDelivered(),
		result:  (*demo).onlyChanges,
		safe:    "an update says how many there are, not how many were sold, so that no mistake can add up.",
	}}
}

// demoNoon: exports are no good.
func demoNoon() []demoScene {
	return []demoScene{{
		clock:   "13:00",
		happens: "Three bad rows: a price for a quantity, a size left out, a bar code that a spreadsheet has spoilt.",
		do:      exportBadRows,
		until:   allDelivered(),
		result:  (*demo).rejects,
		safe:    "nothing is guessed. The bad rows' products keep their quantity; the good rows do not wait.",
	}, {
		clock:   "13:30",
		happens: "After an update the till calls its quantities by a name that tillpost has never heard.",
		do:      exportUnknown,
		until:   exportRefused(),
		result:  (*demo).refusal,
		safe:    "a file that is not understood changes nothing, and you are told what to write into the config.",
	}}
}

// demoAfternoon: the API is in trouble.
func demoAfternoon() []demoScene {
	return []demoScene{{
		clock:   "14:00",
		happens: `The API breaks down: it answers everything with "503 Service Unavailable". The till goes on.`,
		do: func(ctx context.Context, d *demo) error {
			d.api.SetDown(http.StatusServiceUnavailable)
			return trading("stock-1400.csv", 14)(ctx, d)
		},
		until:  allWait(),
		result: (*demo).whatWaits,
		safe:   "they wait on the disk. One at a time is tried, so that an API in trouble is not stormed.",
	}, {
		clock:   "14:20",
		happens: "The API is back.",
		do:      func(_ context.Context, d *demo) error { d.api.SetDown(0); return nil },
		until:   allDelivered(),
		result:  (*demo).madeGood,
		safe:    "nobody had to do anything, and nothing was lost.",
	}, {
		clock:   "15:00",
		happens: `The API limits: ten requests a second. The others it answers with "429 Too Many Requests".`,
		do: func(ctx context.Context, d *demo) error {
			d.api.SetRateLimit(10, 10)
			return trading("stock-1500.csv", 32)(ctx, d)
		},
		until:  allDelivered(),
		result: (*demo).limited,
		safe:   "tillpost waits for as long as the API asks, and sends again what was turned away.",
	}, {
		clock:   "16:00",
		happens: "The token that opens the API is revoked, and the till writes the next export.",
		do: func(ctx context.Context, d *demo) error {
			d.api.SetRateLimit(0, 0)
			d.api.SetToken(demoToken2)
			return trading("stock-1600.csv", 11)(ctx, d)
		},
		until:  allWait(),
		result: (*demo).whatWaits,
		safe:   "the updates are not to blame, so none is dropped. One is tried now and then, no more.",
	}, {
		clock:   "16:30",
		happens: "A new token is written into the token's file. Nothing is restarted.",
		do:      func(_ context.Context, d *demo) error { return d.setToken(demoToken2) },
		until:   allDelivered(),
		result:  (*demo).madeGood,
		safe:    "a new token is noticed by itself, and no token ever shows up in a log.",
	}}
}

// demoEvening: the agent is killed, and the day ends.
func demoEvening() []demoScene {
	return []demoScene{{
		clock:   "17:00",
		happens: "The API is slow. In the middle of a delivery tillpost is killed, as by a power cut (kill -9).",
		do: func(ctx context.Context, d *demo) error {
			d.api.SetLatency(slowLatency, 0)
			return trading("stock-1700.csv", 120)(ctx, d)
		},
		until:  halfDelivered(),
		then:   func(ctx context.Context, d *demo) error { return d.killAgent(ctx) },
		result: (*demo).leftBehind,
		safe:   "an update stays on the disk until the API has said that it took it.",
	}, {
		clock:   "17:05",
		happens: "tillpost is started again.",
		do: func(ctx context.Context, d *demo) error {
			d.api.SetLatency(usualLatency, usualJitter)
			return d.startAgent(ctx)
		},
		until:  allDelivered(),
		result: (*demo).sentTwice,
		safe:   "in doubt it sends again, and \"there are 3 left\" is as true the second time.",
	}, {
		clock:   "18:00",
		happens: "Closing time: what the API holds is compared with the newest export of each product.",
		do:      func(context.Context, *demo) error { return nil },
		until:   allDelivered(),
		result:  (*demo).compare,
		safe:    "after such a day there is nothing to look up, and nothing to repair.",
	}}
}
