//go:build browser

package main_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.Bool("screenshots", false, "write docs/images anew; the tests of the status page make them")

const pictures = "docs/images"

// picture is a picture of the status page in the documents.
type picture struct {
	name string // its file's, without its ending
	of   string // the selector of a part; empty = what the window shows
	as   look
}

// isPictured writes what is seen now into the pictures, where they are to be made.
func (v *visitor) isPictured(list ...picture) {
	v.t.Helper()
	if !*screenshots {
		return
	}
	for _, p := range list {
		v.does(chromedp.Reload()) // what was opened is closed
		v.sees("the sentence", "!!document.getElementById('sentence')")
		v.looksAs(p.as)
		params := page.CaptureScreenshotParams{}
		if p.of != "" { // with some room around it
			params.CaptureBeyondViewport = new(true)
			params.Clip = eval[*page.Viewport](v, fmt.Sprintf("(() => { const b = document.querySelector(%q).getBoundingClientRect(); return { x: b.x + scrollX - 20, y: b.y + scrollY - 20, width: b.width + 40, height: b.height + 40, scale: 1 } })()", p.of))
		}
		shot, err := chromedp.Call(v.ctx, page.CaptureScreenshot, params)
		if err != nil {
			v.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pictures, p.name+".png"), shot.Data, 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
	v.looksAs(looks[0])
}

func TestEveryPictureIsSmallAndInADocument(t *testing.T) {
	t.Parallel()
	list, err := filepath.Glob(pictures + "/*")
	if err != nil || len(list) == 0 {
		t.Fatalf("got %q, %v", list, err)
	}
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, document := range documents {
		text.WriteString(read(t, document))
	}
	for _, name := range list {
		about, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if about.Size() > 120<<10 {
			t.Errorf("%s has %d bytes, want at most 120 KiB", name, about.Size())
		}
		if !strings.Contains(text.String(), "(images/"+filepath.Base(name)+")") {
			t.Errorf("no document shows %s", name)
		}
	}
}
