package main

import (
	"html"
	"math"
	"strconv"
	"strings"
	"text/template"
)

// The plots are drawn by hand: both axes go by powers, so that what grows in proportion is a straight line, and one that
// grows faster bends upwards. Their colours can be read on white and on black.

const (
	plotWidth, plotHeight                  = 640, 340
	plotLeft, plotRight, plotTop, plotFoot = 70, 20, 52, 46
)

var plotTemplate = template.Must(template.New("plot").Parse(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" width="{{.Width}}" height="{{.Height}}" role="img" aria-label="{{.Title}}">
<style>
text { font: 12px sans-serif; fill: #57606a }
.grid { stroke: #8c959f; stroke-opacity: .35; fill: none }
.guide { stroke: #8c959f; stroke-dasharray: 4 4; fill: none }
.line { fill: none; stroke-width: 2 }
.c0 { stroke: #2f81f7 } .c1 { stroke: #d9822b } .c2 { stroke: #2da44e }
circle { stroke: none } .f0 { fill: #2f81f7 } .f1 { fill: #d9822b } .f2 { fill: #2da44e }
@media (prefers-color-scheme: dark) { text { fill: #9198a1 } }
</style>
<text x="10" y="18">{{.Measure}}</text>
{{- range .Rules}}
<path class="grid" d="M{{.X1}} {{.Y1}}L{{.X2}} {{.Y2}}"/><text x="{{.TX}}" y="{{.TY}}" text-anchor="{{.Anchor}}">{{.Text}}</text>
{{- end}}
<text x="{{.Middle}}" y="{{.Foot}}" text-anchor="middle">{{.Across}}</text>
<path class="guide" d="{{.Guide}}"/>
{{- range .Lines}}
<path class="line c{{.N}}" d="{{.Path}}"/>
{{- $n := .N}}{{range .Dots}}<circle class="f{{$n}}" cx="{{.X}}" cy="{{.Y}}" r="3"/>{{end}}
<rect class="f{{.N}}" x="{{.LX}}" y="28" width="12" height="4"/><text x="{{.TX}}" y="36">{{.Name}}</text>
{{- end}}
</svg>
`))

type plot struct {
	Title, Measure, Across, Guide string
	Width, Height, Middle, Foot   int
	Rules                         []plotRule
	Lines                         []plotLine
}

type plotRule struct {
	X1, Y1, X2, Y2, TX, TY int
	Anchor, Text           string
}

type plotLine struct {
	N, LX, TX  int
	Name, Path string
	Dots       []plotDot
}

type plotDot struct{ X, Y int }

// scale brings the powers of a range onto an axis.
type scale struct {
	low, high float64 // logarithms to the base of 10
	from, to  int
}

func (s scale) at(v float64) int {
	return s.from + int(math.Round(float64(s.to-s.from)*(math.Log10(v)-s.low)/(s.high-s.low)))
}

// svg draws a table's lines.
func (t table) svg() string {
	across, up := t.scales()
	p := plot{Title: html.EscapeString(t.Title), Measure: html.EscapeString(t.Plot), Across: html.EscapeString(t.Columns[0].Name), Width: plotWidth, Height: plotHeight,
		Middle: (plotLeft + plotWidth - plotRight) / 2, Foot: plotHeight - 8}
	for _, row := range t.Rows {
		x := across.at(row[0])
		p.Rules = append(p.Rules, plotRule{x, up.from, x, up.to, x, up.from + 16, "middle", figure(row[0])})
	}
	for e := up.low; e <= up.high; e++ {
		y := up.at(math.Pow(10, e))
		p.Rules = append(p.Rules, plotRule{across.from, y, across.to, y, across.from - 6, y + 4, "end", power(e)})
	}
	legend := plotLeft
	for n, c := range t.Lines {
		line := plotLine{N: n, LX: legend, TX: legend + 16, Name: html.EscapeString(t.Columns[c].Name)}
		legend += 40 + 7*len(line.Name)
		for _, row := range t.Rows {
			if row[c] > 0 {
				line.Dots = append(line.Dots, plotDot{across.at(row[0]), up.at(row[c])})
			}
		}
		line.Path = path(line.Dots)
		p.Lines = append(p.Lines, line)
	}
	p.Guide = t.guide(across, up)
	var b strings.Builder
	if err := plotTemplate.Execute(&b, p); err != nil {
		panic(err) // the template and its data are ours
	}
	return b.String()
}

// scales are the axes: across from the first size to the last, up whole powers of ten around all that is plotted.
func (t table) scales() (across, up scale) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range t.Rows {
		for _, c := range t.Lines {
			if row[c] > 0 {
				low, high = min(low, math.Log10(row[c])), max(high, math.Log10(row[c]))
			}
		}
	}
	if low > high {
		low, high = 0, 1
	}
	low, high = math.Floor(low), math.Ceil(high)
	if low == high {
		high++
	}
	first, last := math.Log10(t.Rows[0][0]), math.Log10(t.Rows[len(t.Rows)-1][0])
	if first == last {
		last++
	}
	return scale{first, last, plotLeft, plotWidth - plotRight}, scale{low, high, plotHeight - plotFoot, plotTop}
}

// guide is a line in proportion, through the last point of the first line, as far as the plot shows it.
func (t table) guide(across, up scale) string {
	last := t.Rows[len(t.Rows)-1]
	x, y := last[0], last[t.Lines[0]]
	if y <= 0 {
		return ""
	}
	from := max(across.low, math.Log10(x)-(math.Log10(y)-up.low)) // where it leaves the plot at its foot
	start := math.Pow(10, from)
	return path([]plotDot{{across.at(start), up.at(y * start / x)}, {across.at(x), up.at(y)}})
}

func path(dots []plotDot) string {
	var b strings.Builder
	for i, d := range dots {
		if i == 0 {
			b.WriteString("M")
		} else {
			b.WriteString("L")
		}
		b.WriteString(strconv.Itoa(d.X) + " " + strconv.Itoa(d.Y))
	}
	return b.String()
}

// power shows a power of ten.
func power(e float64) string {
	if e < 0 {
		return "0." + strings.Repeat("0", int(-e)-1) + "1"
	}
	return thousands(int64(math.Round(math.Pow(10, e))))
}
