// Icon draws tillpost's icon, a till's receipt on its way into a post box: `icon FILE.ico` in the sizes that Windows shows, and
// `icon FILE.png SIZE` in one, for the desktops of Linux. The same program draws the same bytes.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tc-hib/winres"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && filepath.Ext(os.Args[1]) == ".ico":
		err = write(os.Args[1])
	case len(os.Args) == 3 && filepath.Ext(os.Args[1]) == ".png":
		err = writePNG(os.Args[1], os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "icon: which file? icon FILE.ico, or icon FILE.png SIZE")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "icon:", err)
		os.Exit(1)
	}
}

func write(name string) error {
	var sizes []image.Image
	for _, size := range []int{16, 20, 24, 32, 40, 48, 64, 128, 256} {
		sizes = append(sizes, draw(size))
	}
	icon, err := winres.NewIconFromImages(sizes)
	if err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := icon.SaveICO(&b); err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

func writePNG(name, text string) error {
	size, err := strconv.Atoi(text)
	if err != nil || size < 1 || size > 1024 {
		return fmt.Errorf("draw %s: %q is not a size", name, text)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, draw(size)); err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// shape is a rectangle with round corners; the picture's sides are 1 long, y goes down.
type shape struct {
	left, top, right, bottom, radius float64
	colour                           color.NRGBA
}

// picture is drawn from its first shape, at the back, to its last.
var picture = [...]shape{
	{0.02, 0.02, 0.98, 0.98, 0.20, color.NRGBA{0x0e, 0x5a, 0x6b, 0xff}}, // the ground
	{0.14, 0.44, 0.86, 0.88, 0.09, color.NRGBA{0xf4, 0xb4, 0x2c, 0xff}}, // the post box
	{0.22, 0.53, 0.78, 0.61, 0.04, color.NRGBA{0x3b, 0x2a, 0x08, 0xff}}, // its slot
	{0.30, 0.12, 0.70, 0.57, 0.03, color.NRGBA{0xff, 0xff, 0xff, 0xff}}, // the receipt
	{0.37, 0.20, 0.63, 0.25, 0.02, color.NRGBA{0x0e, 0x5a, 0x6b, 0xff}}, // its lines
	{0.37, 0.31, 0.63, 0.36, 0.02, color.NRGBA{0x0e, 0x5a, 0x6b, 0xff}},
	{0.37, 0.42, 0.52, 0.47, 0.02, color.NRGBA{0x0e, 0x5a, 0x6b, 0xff}},
	{0.38, 0.72, 0.62, 0.78, 0.03, color.NRGBA{0xc9, 0x8a, 0x12, 0xff}}, // the box's plate
}

func (s shape) has(x, y float64) bool {
	dx := max(s.left+s.radius-x, x-s.right+s.radius, 0)
	dy := max(s.top+s.radius-y, y-s.bottom+s.radius, 0)
	return math.Hypot(dx, dy) <= s.radius
}

// draw looks at each pixel in 64 places, so that edges are smooth.
func draw(size int) *image.NRGBA {
	const fine = 8
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for py := range size {
		for px := range size {
			var red, green, blue, hits int
			for i := range fine * fine {
				x := (float64(px) + (float64(i%fine)+0.5)/fine) / float64(size)
				y := (float64(py) + (float64(i/fine)+0.5)/fine) / float64(size)
				for j := len(picture) - 1; j >= 0; j-- {
					if c := picture[j].colour; picture[j].has(x, y) {
						red, green, blue, hits = red+int(c.R), green+int(c.G), blue+int(c.B), hits+1
						break
					}
				}
			}
			if hits > 0 {
				img.SetNRGBA(px, py, color.NRGBA{uint8(red / hits), uint8(green / hits), uint8(blue / hits), uint8(255 * hits / (fine * fine))})
			}
		}
	}
	return img
}
