package dashboard

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/go-analyze/charts"
)

// plotKind is one of the plots.
type plotKind struct {
	name   string // day, month: its file is name.svg
	title  string
	period string // what it shows, in words
	whole  time.Duration
	step   time.Duration
	layout string // of the times below it
	points func(History) []Point
}

var plotKinds = []plotKind{
	{"day", "The last 24 hours", "last 24 hours", 24 * time.Hour, 5 * time.Minute, "15:04", func(h History) []Point { return h.Day }},
	{"month", "The last 30 days", "last 30 days", 30 * 24 * time.Hour, time.Hour, "2 Jan", func(h History) []Point { return h.Month }},
}

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
	width, height, times := 560, 270, 6
	if narrow {
		width, height, times = 330, 230, 4
	}
	colours := light
	if dark {
		colours = night
	}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: "svg", Width: width, Height: height, Theme: colours})
	if len(points) < 2 {
		painter.FilledRect(0, 0, width, height, colours.GetBackgroundColor(), colours.GetBackgroundColor(), 0)
		painter.Text("Nothing to draw yet", width/2-70, height/2, 0, charts.FontStyle{FontSize: 12, FontColor: colours.GetXAxisTextColor()})
	} else if err := painter.LineChart(k.chart(points, times, colours)); err != nil {
		return nil, fmt.Errorf("draw the %s: %w", k.name, err)
	}
	svg, err := painter.Bytes()
	if err != nil {
		return nil, fmt.Errorf("draw the %s: %w", k.name, err)
	}
	return attributes(svg), nil
}

// chart is what to draw, with about so many times below.
func (k plotKind) chart(points []Point, times int, colours charts.ColorPalette) charts.LineChartOption {
	n := int(k.whole / k.step)
	end := points[len(points)-1].At
	begin := end.Add(-time.Duration(n-1) * k.step)
	values, labels := make([][]float64, 3), make([]string, n)
	for i := range values {
		values[i] = make([]float64, n)
		for j := range values[i] {
			values[i][j] = charts.GetNullValue()
		}
	}
	for i := range labels {
		labels[i] = begin.Add(time.Duration(i) * k.step).Local().Format(k.layout)
	}
	for _, p := range points {
		if i := int((p.At.Sub(begin) + k.step/2) / k.step); !p.At.Before(begin) && i < n {
			values[0][i], values[1][i], values[2][i] = float64(p.Delivered), float64(p.Waiting), float64(p.Errors)
		}
	}
	o := charts.NewLineChartOptionWithData(values)
	o.Theme = colours
	o.Padding = charts.NewBox(8, 8, 14, 6)
	o.Legend = charts.LegendOption{SeriesNames: []string{"delivered", "waiting", "errors"}, FontStyle: charts.NewFontStyleWithSize(10), Symbol: charts.SymbolSquare}
	o.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	o.LineStrokeWidth = 2
	o.XAxis.Labels, o.XAxis.LabelCount, o.XAxis.BoundaryGap = labels, times, charts.Ptr(false)
	o.XAxis.LabelFontStyle = charts.NewFontStyleWithSize(10)
	whole := func(f float64) string { return Number(int64(f + 0.5)) }
	o.YAxis = []charts.YAxisOption{{Min: charts.Ptr(0.0), LabelFontStyle: charts.NewFontStyleWithSize(10), ValueFormatter: whole}}
	o.ValueFormatter = whole
	return o
}

// The colours of the plots, as in style.css.
var (
	light = palette(false, "#ffffff", "#47546a", "#dfe5ee", "#2563c4", "#b45f06", "#c02637")
	night = palette(true, "#171e2a", "#aeb9ca", "#2c3648", "#7fb0ff", "#f0b35b", "#ff8f98")
)

func palette(dark bool, back, text, split string, series ...string) charts.ColorPalette {
	o := charts.ThemeOption{IsDarkMode: dark, AxisStrokeColor: charts.ColorFromHex(text), AxisSplitLineColor: charts.ColorFromHex(split),
		BackgroundColor: charts.ColorFromHex(back), TextColor: charts.ColorFromHex(text)}
	for _, c := range series {
		o.SeriesColors = append(o.SeriesColors, charts.ColorFromHex(c))
	}
	return charts.MakeTheme(o)
}

var styles = regexp.MustCompile(` style="([^"]*)"`)

// attributes writes styles as attributes, which the page's policy allows wherever the file is shown.
func attributes(svg []byte) []byte {
	return styles.ReplaceAllFunc(svg, func(all []byte) []byte {
		var b strings.Builder
		for part := range strings.SplitSeq(string(styles.FindSubmatch(all)[1]), ";") {
			if name, value, ok := strings.Cut(part, ":"); ok {
				fmt.Fprintf(&b, ` %s="%s"`, name, value)
			}
		}
		return []byte(b.String())
	})
}
