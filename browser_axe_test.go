//go:build browser

package main_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/testkit"
)

// axe-core finds what keeps people out of a page. It is no part of the project: npm fetches it, and keeps it.
const (
	axePackage = "axe-core@4.14.1"
	axeSum     = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==" // SHA-512, of the registry
)

// axeScript is axe-core's script.
var axeScript = sync.OnceValues(func() (script string, err error) {
	dir, err := os.MkdirTemp("", "tillpost-axe-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--prefer-offline", axePackage)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w\n%s", axePackage, err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack %s made %q, %v", axePackage, found, err)
	}
	packed, err := os.ReadFile(found[0])
	if err != nil {
		return "", err
	}
	if sum := sha512.Sum512(packed); base64.StdEncoding.EncodeToString(sum[:]) != axeSum {
		return "", fmt.Errorf("%s is another than it was", axePackage)
	}
	return unpackAxe(packed)
})

func unpackAxe(packed []byte) (string, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	for files := tar.NewReader(unzipped); ; {
		head, err := files.Next()
		if err != nil {
			return "", fmt.Errorf("look for axe.min.js: %w", err)
		}
		if head.Name == "package/axe.min.js" {
			text, err := io.ReadAll(files)
			return string(text), err
		}
	}
}

// needAxe is axe-core's script, or skips the test where there is none.
func needAxe(t *testing.T) string {
	t.Helper()
	testkit.NeedTool(t, "npm", "--version")
	script, err := axeScript()
	if err != nil {
		testkit.Lacks(t, "%v", err)
	}
	return script
}

// axeRun says of each violation what is wrong, and where.
const axeRun = `axe.run(document, {
  preload: false, resultTypes: ['violations'],
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'],
}).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + v.help + ': ' + n.html.slice(0, 200) + ' ' + n.failureSummary)))`

// isForEverybody looks at the page in the looks given, none = all: nothing keeps anybody out of it, and nothing lies beside the window. What is
// closed is opened before.
func (v *visitor) isForEverybody(in ...look) {
	v.t.Helper()
	if len(in) == 0 {
		in = looks
	}
	script := needAxe(v.t)
	for _, l := range in {
		v.looksAs(l)
		if eval[bool](v, "typeof axe === 'undefined'") {
			eval[bool](v, script+";true")
		}
		eval[bool](v, "(() => { for (const d of document.querySelectorAll('details')) d.open = true; return true })()")
		if found := eval[[]string](v, axeRun); len(found) > 0 {
			v.t.Errorf("%s, %s: %s", eval[string](v, "location.pathname"), l.name, strings.Join(found, "\n"))
		}
		if wide := eval[[]int](v, "[document.documentElement.scrollWidth, document.documentElement.clientWidth, innerWidth]"); wide[0] > wide[1] || wide[0] > wide[2] {
			v.t.Errorf("%s, %s: it is %d wide in a window of %d (%d)", eval[string](v, "location.pathname"), l.name, wide[0], wide[1], wide[2])
		}
	}
	v.looksAs(looks[0])
}
