package dashboard

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// plotKind is one of the plots.
type plotKind struct {
	name   string // day, month: its file is name.svg
	title  string
	period string // what it shows, in words
	whole  time.Duration
	step   time.Duration
	each   string // a step, in words
	layout string // of the times below it
	apart  apart  // those times
	points func(History) []Point
}

var plotKinds = []plotKind{
	{"day", "The last 24 hours", "last 24 hours", 24 * time.Hour, 5 * time.Minute, "5 minutes", "15:04", apart{4, 6}, func(h History) []Point { return h.Day }},
	{"month", "The last 30 days", "last 30 days", 30 * 24 * time.Hour, time.Hour, "hour", "2 Jan", apart{5 * 24, 10 * 24}, func(h History) []Point { return h.Month }},
}

// apart is how far apart times are on a wide and on a narrow plot, in hours.
type apart struct{ wide, narrow int }

// plotView is a plot on the page.
type plotView struct {
	Name, Title string
	Words       string // what it shows, for whoever does not see it
	Stamp       int64  // changes when there is something new to see
	Drawn       bool   // there is something to see
}

// plots are the plots on the page.
func plots(h History) (list []plotView) {
	for _, k := range plotKinds {
		points := k.points(h)
		v := plotView{Name: k.name, Title: k.title, Drawn: len(points) >= 2}
		if v.Drawn {
			v.Words, v.Stamp = k.words(points), points[len(points)-1].At.Unix()
		}
		list = append(list, v)
	}
	return list
}

// words tells the figures of a plot.
func (k plotKind) words(points []Point) string {
	var delivered, wrong, most int64
	at := points[0].At
	for _, p := range points {
		delivered, wrong = delivered+p.Delivered, wrong+p.Errors
		if p.Waiting > most {
			most, at = p.Waiting, p.At
		}
	}
	text := fmt.Sprintf("In the %s %s delivered and %s. ", k.period, plural(delivered, "update was", "updates were"),
		plural(wrong, "request failed or was refused", "requests failed or were refused"))
	if most == 0 {
		return text + "Nothing had to wait."
	}
	return text + fmt.Sprintf("At the most %s, on %s; now %s.", plural(most, "update waited", "updates waited"),
		at.Local().Format("2 January at 15:04"), plural(points[len(points)-1].Waiting, "waits", "wait"))
}

// plot answers a plot as SVG: ?theme=dark for a dark page, ?size=narrow for a phone.
func (p *Page) plot(w http.ResponseWriter, r *http.Request) {
	for _, k := range plotKinds {
		if r.PathValue("name") != k.name+".svg" {
			continue
		}
		select {
		case p.pens <- struct{}{}:
			defer func() { <-p.pens }()
		case <-r.Context().Done():
			return
		}
		var h History
		if desk := p.desk(); desk != nil {
			var err error
			if h, err = desk.History(r.Context()); err != nil {
				http.Error(w, "the history cannot be read", http.StatusServiceUnavailable)
				return
			}
		}
		svg, err := k.draw(k.points(h), r.FormValue("theme") == "dark", r.FormValue("size") == "narrow")
		if err != nil {
			http.Error(w, "the plot cannot be drawn", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write(svg) // whoever asked is gone
		return
	}
	http.NotFound(w, r)
}

// draw draws a plot. What is not known of is a gap.
func (k plotKind) draw(points []Point, dark, narrow bool) ([]byte, error) {
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, "plot.svg", k.picture(points, dark, narrow)); err != nil {
		return nil, fmt.Errorf("draw the %s: %w", k.name, err)
	}
	return b.Bytes(), nil
}

// picture is a plot as plot.svg draws it, in pixels from the top left. What is not known of has no place in its lines.
func (k plotKind) picture(points []Point, dark, narrow bool) picture {
	p := picture{Title: k.title, Words: "Nothing to draw yet.", Each: k.each, Width: 560, Height: 270, Colours: light}
	if dark {
		p.Colours = night
	}
	apart, intervals := k.apart.wide, int64(5)
	if narrow {
		p.Width, p.Height, apart, intervals = 330, 230, k.apart.narrow, 4
	}
	if len(points) < 2 {
		return p
	}
	p.Drawn, p.Words = true, k.words(points)

	n := int(k.whole / k.step)
	end := points[len(points)-1].At
	begin := end.Add(-time.Duration(n-1) * k.step)
	slots, most := make([]*Point, n), int64(1)
	for i, pt := range points {
		if at := int((pt.At.Sub(begin) + k.step/2) / k.step); !pt.At.Before(begin) && at < n {
			slots[at], most = &points[i], max(most, pt.Delivered, pt.Waiting, pt.Errors)
		}
	}
	step := tickStep(most, intervals)
	top := (most + step - 1) / step * step
	p.Left, p.Right, p.Top, p.Bottom = 16+digitWidth*len(Number(top)), p.Width-26, 54, p.Height-28
	y := func(v int64) float64 { return float64(p.Bottom) - float64(v)/float64(top)*float64(p.Bottom-p.Top) }
	x := func(i float64) float64 { return float64(p.Left) + i/float64(n-1)*float64(p.Right-p.Left) }
	for v := int64(0); v <= top; v += step {
		p.Rows = append(p.Rows, tick{px(y(v)), Number(v)})
	}
	for _, t := range times(begin, end, apart) {
		p.Times = append(p.Times, tick{px(x(float64(t.Sub(begin)) / float64(k.step))), t.Format(k.layout)})
	}
	p.Delivered = through(slots, x, func(pt *Point) float64 { return y(pt.Delivered) })
	p.Waiting = through(slots, x, func(pt *Point) float64 { return y(pt.Waiting) })
	p.Errors = stems(slots, x, func(pt *Point) float64 { return y(pt.Errors) }, p.Bottom)
	return p
}

// digitWidth is how wide a digit is at most, in pixels at the size of plot.svg's text.
const digitWidth = 8

// picture is what plot.svg draws.
type picture struct {
	Title, Words, Each       string
	Drawn                    bool // there is something to see
	Width, Height            int
	Left, Right, Top, Bottom int    // of the lines
	Rows, Times              []tick // at their y and x
	Delivered, Waiting       string // paths: a line each
	Errors                   string // a path: a stem for each span that has some, which stands out from lines without its colour too
	Colours                  colours
}

// tick is a mark of an axis.
type tick struct{ At, Text string }

// tickStep is the least of 1, 2, 5, 10, 20, 50 and so on by which no more than so many intervals reach most.
func tickStep(most, intervals int64) int64 {
	for step := int64(1); ; step *= 10 {
		for _, s := range []int64{step, 2 * step, 5 * step} {
			if (most-1)/s < intervals {
				return s
			}
		}
	}
}

// times are the moments to mark: round ones of the local clock, so many hours apart.
func times(begin, end time.Time, apart int) (list []time.Time) {
	begin = begin.Local()
	y, m, d := begin.Date()
	for i := 0; ; i++ { // by the calendar, for a day may have 23 hours
		t := time.Date(y, m, d, i*apart, 0, 0, 0, begin.Location())
		if t.After(end) {
			return list
		}
		if !t.Before(begin) {
			list = append(list, t)
		}
	}
}

// through is the path of a line through the points that there are; one without a neighbour is a dot.
func through(slots []*Point, x func(float64) float64, y func(*Point) float64) string {
	var b strings.Builder
	for i, pt := range slots {
		switch {
		case pt == nil:
		case i > 0 && slots[i-1] != nil:
			b.WriteString("L" + px(x(float64(i))) + " " + px(y(pt)))
		default:
			b.WriteString("M" + px(x(float64(i))) + " " + px(y(pt)) + "h0")
		}
	}
	return b.String()
}

// stems is the path of upright lines from the bottom to the points that are above it.
func stems(slots []*Point, x func(float64) float64, y func(*Point) float64, bottom int) string {
	var b strings.Builder
	for i, pt := range slots {
		if pt != nil && pt.Errors > 0 {
			fmt.Fprintf(&b, "M%s %dV%s", px(x(float64(i))), bottom, px(y(pt)))
		}
	}
	return b.String()
}

// px writes pixels, to a tenth.
func px(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

// colours are those of a plot, as in style.css. They are attributes, which the page's policy allows wherever the file is shown.
type colours struct{ Back, Text, Rule, Delivered, Waiting, Errors string }

var (
	light = colours{"#ffffff", "#47546a", "#dfe5ee", "#2563c4", "#b45f06", "#c02637"}
	night = colours{"#171e2a", "#aeb9ca", "#2c3648", "#7fb0ff", "#f0b35b", "#ff8f98"}
)
