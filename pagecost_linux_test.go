package main_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkStatusPage measures what the status page costs an agent that has nothing to do: with the page off, with it on and
// nobody looking, and with one browser that is let in and looks. All three run at the same time, so that what else the machine
// does is the same for all. A round takes 20 s; what is told are medians, for these 20 s.
func BenchmarkStatusPage(b *testing.B) {
	cases := []*costCase{{name: "off"}, {name: "on"}, {name: "seen"}}
	for _, c := range cases {
		c.shop = newShop(b, "", "")
		edit("rescan: 1s", "rescan: 30s")(c.shop)
		if c.name != "off" {
			edit(`listen: "off"`, `listen: "127.0.0.1:0"`)(c.shop)
		}
		c.shop.start()
		c.shop.drop("stock-1.csv", full(60, fives)...)
		c.shop.eventually("all is delivered", func() bool { return c.shop.holds(allFives) })
		if c.name == "seen" {
			c.shop.looksOn(b)
		}
	}
	time.Sleep(10 * time.Second) // what a start needs is over
	for b.Loop() {
		for _, c := range cases {
			c.was = costOf(b, c.shop.cmd.Process.Pid)
		}
		time.Sleep(20 * time.Second)
		for _, c := range cases {
			c.rounds = append(c.rounds, costOf(b, c.shop.cmd.Process.Pid).since(c.was))
		}
	}
	b.ReportMetric(0, "ns/op") // it says nothing
	for _, c := range cases {
		b.ReportMetric(c.median(func(c cost) float64 { return c.cpu.Seconds() * 1000 }), c.name+"-cpu-ms")
		b.ReportMetric(c.median(func(c cost) float64 { return c.switches }), c.name+"-switches")
		b.ReportMetric(c.median(func(c cost) float64 { return c.memory / (1 << 20) }), c.name+"-MiB")
	}
}

type costCase struct {
	name   string
	shop   *shop
	was    cost
	rounds []cost
}

func (c *costCase) median(of func(cost) float64) float64 {
	var list []float64
	for _, r := range c.rounds {
		list = append(list, of(r))
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// cost is what a process has used.
type cost struct {
	cpu      time.Duration
	switches float64 // voluntary ones, of all threads: how often it was woken
	memory   float64 // anonymous, in bytes, now
}

func (c cost) since(was cost) cost {
	return cost{c.cpu - was.cpu, c.switches - was.switches, c.memory}
}

func costOf(b *testing.B, pid int) (c cost) {
	b.Helper()
	proc := fmt.Sprintf("/proc/%d/", pid)
	stat := procFile(b, proc+"stat")
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	const hertz = 100 // of these clocks, on every platform of ours
	c.cpu = time.Duration(number(b, fields[11])+number(b, fields[12])) * time.Second / hertz
	c.memory = number(b, regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindStringSubmatch(procFile(b, proc+"status"))[1]) * 1024
	threads, err := filepath.Glob(proc + "task/*/status")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range threads {
		c.switches += number(b, regexp.MustCompile(`(?m)^voluntary_ctxt_switches:\s+(\d+)`).FindStringSubmatch(procFile(b, name))[1])
	}
	return c
}

func procFile(b *testing.B, name string) string {
	b.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func number(b *testing.B, text string) float64 {
	b.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// looksOn is one browser that is let in, and follows the page until the end.
func (s *shop) looksOn(b *testing.B) {
	b.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	link, err := url.Parse(s.link())
	if err != nil {
		b.Fatal(err)
	}
	home := "http://" + link.Host + "/"
	in, err := client.PostForm(home+"open", url.Values{"code": {filepath.Base(link.Path)}})
	if err != nil {
		b.Fatal(err)
	}
	page, err := io.ReadAll(in.Body)
	if err = errors.Join(err, in.Body.Close()); err != nil || !strings.Contains(string(page), "Pause sending") {
		b.Fatalf("it is not let in: %v\n%s", err, page)
	}
	stream, err := client.Get(home + "events")
	if err != nil || stream.StatusCode != http.StatusOK {
		b.Fatalf("it cannot look on: %v", err)
	}
	b.Cleanup(func() { _ = stream.Body.Close() }) // it has no end
	go func() { _, _ = io.Copy(io.Discard, stream.Body) }()
}
