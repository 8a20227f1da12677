package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tillpost/agent"
	"tillpost/export"
	"tillpost/mockapi"
)

// allDelivered is reached when the agent has read the last export and the API has all of it.
func allDelivered() demoGoal {
	return demoGoal{"the delivery of the export", func(d *demo, s agent.Status) (bool, error) {
		taken, err := d.taken(s)
		return taken && s.Pending == 0 && s.Delivered-d.day.last.before.Delivered >= d.day.last.changed, err
	}}
}

// allWait is reached when all of the last export waits, because of the API.
func allWait() demoGoal {
	return demoGoal{"an export that waits for the API", func(d *demo, s agent.Status) (bool, error) {
		taken, err := d.taken(s)
		return taken && s.Pending == d.day.last.changed && s.API.State != "ok", err
	}}
}

// halfDelivered is reached when a part of the last export is delivered, and another waits.
func halfDelivered() demoGoal {
	return demoGoal{"the middle of the delivery", func(d *demo, s agent.Status) (bool, error) {
		taken, err := d.taken(s)
		return taken && s.Pending > 0 && s.Delivered-d.day.last.before.Delivered >= d.day.last.changed/8, err
	}}
}

// exportRefused is reached when the last export was refused.
func exportRefused() demoGoal {
	return demoGoal{"the refusal of the export", func(d *demo, s agent.Status) (bool, error) {
		e := s.Sources[0].LastExport
		return e != nil && e.Name == d.day.last.name && e.Refused != "", nil
	}}
}

// taken reports whether the agent has read the last export. The error says that it read it wrongly.
func (d *demo) taken(s agent.Status) (bool, error) {
	e, want := s.Sources[0].LastExport, d.day.last
	switch {
	case e == nil || e.Name != want.name:
		return false, nil
	case e.Refused != "":
		return false, fmt.Errorf("the export %s was refused: %s", e.Name, e.Refused)
	case e.Changed != want.changed:
		return false, fmt.Errorf("%s has %d changes, but the agent found %d", e.Name, want.changed, e.Changed)
	}
	return true, nil
}

// soldOutFirst tells of the first export, and that what is sold out did not wait for the rest. Promise 9.
func (d *demo) soldOutFirst() (string, error) {
	zeros, within := 0, 0
	for i, r := range d.api.Journal() {
		if r.Quantity == 0 {
			zeros, within = zeros+1, i+1
		}
	}
	d.day.opening = int64(d.api.Counters().Requests)
	if within > 2*zeros { // every fourth request goes to what has waited longest
		return "", fmt.Errorf("%d products are sold out, and the last of them was sent as number %d", zeros, within)
	}
	return fmt.Sprintf("%s delivered in %s. The %s that are sold out were among the first %s.", plural(d.day.last.changed, "update"),
		ago(d.day.last.at), number(zeros), number(within)), nil
}

// onlyChanges tells of an export, and that nothing but its changes travelled.
func (d *demo) onlyChanges() (string, error) {
	if n := d.requests(); n != d.day.last.changed {
		return "", fmt.Errorf("%d rows have changed, but %d requests were sent", d.day.last.changed, n)
	}
	return fmt.Sprintf("%s of %s rows have changed: %s, delivered %s after the file was written.", number(d.day.last.changed),
		number(len(d.stock)), plural(d.day.last.changed, "request"), ago(d.day.last.at)), nil
}

// rejects tells of an export with bad rows, in the words of whoever reads it.
func (d *demo) rejects() (string, error) {
	reader, err := export.New(agent.ReadingOf(d.config.Sources[0]).Options)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(d.exports(), d.day.last.name))
	if err != nil {
		return "", err
	}
	rows, err := reader.Read(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	found := int64(0)
	for _, err := range rows.All() {
		if reject, ok := errors.AsType[*export.Reject](err); ok {
			found++
			fmt.Fprintf(&b, "line %d: %s\n", reject.Line, reject.Reason)
		} else if err != nil {
			return "", err
		}
	}
	if told := d.day.seen.Sources[0].LastExport.Rejects; told != found || found != int64(len(demoDamages())) {
		return "", fmt.Errorf("%d rows are bad, %d cannot be read, and the agent has rejected %d", len(demoDamages()), found, told)
	}
	fmt.Fprintf(&b, "%s set aside; %s of the good rows delivered in %s.", plural(found, "row"), plural(d.day.last.changed, "update"), ago(d.day.last.at))
	// Where the agent writes such a report.
	if report := filepath.Join(d.config.DataDir, "rejects", d.day.last.name+".rejects.csv"); fileExists(report) {
		fmt.Fprintf(&b, "\nThe rows and the reasons are in %s.", report)
	}
	return b.String(), nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// refusal tells of an export that was refused.
func (d *demo) refusal() (string, error) {
	if n := d.requests(); n != 0 {
		return "", fmt.Errorf("the export was refused, and yet %d requests were sent", n)
	}
	d.day.refused++
	return "tillpost: " + d.day.seen.Sources[0].LastExport.Refused + "\nNothing was sent.", nil
}

// whatWaits tells of updates that wait for the API.
func (d *demo) whatWaits() (string, error) {
	api := d.day.seen.API
	return fmt.Sprintf("%s wait. `tillpost status` says of the API: %s: %s", plural(d.day.seen.Pending, "update"), api.State, api.LastError), nil
}

// madeGood tells of updates that had to wait for the API.
func (d *demo) madeGood() (string, error) {
	return fmt.Sprintf("%s delivered %s later. While they waited, the API turned away %s.", plural(d.day.last.changed, "update"),
		ago(d.day.began), plural(d.turnedAway(), "request")), nil
}

// limited tells of updates for which the API limited the agent.
func (d *demo) limited() (string, error) {
	return fmt.Sprintf("%s delivered in %s. Turned away meanwhile, and made again: %s.", plural(d.day.last.changed, "update"),
		ago(d.day.last.at), plural(d.turnedAway(), "request")), nil
}

// leftBehind tells what an agent that was killed leaves behind.
func (d *demo) leftBehind() (string, error) {
	done, wait := d.day.seen.Delivered-d.day.last.before.Delivered, d.day.seen.Pending
	if done+wait != d.day.last.changed {
		return "", fmt.Errorf("of %d updates, %d are delivered and %d wait", d.day.last.changed, done, wait)
	}
	return fmt.Sprintf("%s delivered. The other %s are still in its folder on the disk, while nothing runs.", plural(done, "update"), number(wait)), nil
}

// sentTwice tells what the agent did after it was killed.
func (d *demo) sentTwice() (string, error) {
	return fmt.Sprintf("All is delivered %s later. On their way when it was killed, and sent a second time: %s.", ago(d.day.began),
		plural(d.requests()-d.day.last.changed, "update")), nil
}

// compare says whether the API ends at the truth, by what the API itself holds. Promise 2.
func (d *demo) compare() (string, error) {
	held := d.api.Quantities()
	for key, want := range d.truth {
		if got, ok := held[key]; !ok || got != want {
			return "", fmt.Errorf("the API holds %d of %s, but the newest export says %d", got, key, want)
		}
	}
	if len(held) != len(d.truth) {
		return "", fmt.Errorf("the API holds %d quantities, but the exports name %d", len(held), len(d.truth))
	}
	if wrong := d.api.Check(); len(wrong) > 0 {
		return "", fmt.Errorf("the API was not spoken to as documented: %s", wrong[0])
	}
	if log, err := os.ReadFile(d.path("agent.log")); err != nil || strings.Contains(string(log), demoToken) || strings.Contains(string(log), demoToken2) {
		return "", errors.Join(errors.New("a token is in the agent's log, or it cannot be read"), err)
	}
	return fmt.Sprintf("The API holds %s quantities, and each is the one in the newest export.", number(len(held))), nil
}

// requests is how many requests have come since the last export.
func (d *demo) requests() int64 { return int64(d.api.Counters().Requests - d.day.last.api.Requests) }

// turnedAway is how many of them the API did not take.
func (d *demo) turnedAway() int64 { return notTaken(d.api.Counters()) - notTaken(d.day.last.api) }

// notTaken is how many requests the API has answered with anything but a 200.
func notTaken(c mockapi.Counters) (n int64) {
	for status, count := range c.Statuses {
		if status != 0 && status != http.StatusOK {
			n += int64(count)
		}
	}
	return n
}

// ago is how long ago something was.
func ago(t time.Time) string { return fmt.Sprintf("%.1f s", time.Since(t).Seconds()) }
