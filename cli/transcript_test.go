package cli

import (
	"bytes"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tillpost/mockapi"
)

var update = flag.Bool("update", false, "write anew what the commands in testdata/*.txt print")

// TestTranscripts runs the commands of each testdata/*.txt. A transcript begins with the files that its folder $DIR
// holds, each after its name, `-- name --`; $API is a stand-in API on $HOST that takes the token "secret" and does not
// know the UPC 849632040042. Then come commands, `$ tillpost ...`, each with its standard output, its standard error (`! `), and
// its exit status (`= `). Words with blanks in them stand in '...'.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("got the transcripts %v, %v; want some", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(string(data), "\r\n", "\n")
			got := replay(t, want)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// replay does what a transcript says, and returns it with what the commands print now.
func replay(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	api := httptest.NewServer(mockapi.New(mockapi.Options{Token: "secret", Unknown: []string{"849632040042"}}))
	t.Cleanup(api.Close)
	fill := strings.NewReplacer("$DIR", filepath.ToSlash(dir), "$API", api.URL)
	hide := strings.NewReplacer(api.URL, "$API", strings.TrimPrefix(api.URL, "http://"), "$HOST", dir, "$DIR", filepath.ToSlash(dir), "$DIR", strings.ReplaceAll(dir, `\`, `\\`), "$DIR")

	setUp, commands, _ := strings.Cut(text, "\n$ ")
	writeFiles(t, dir, fill.Replace(setUp))
	var b strings.Builder
	b.WriteString(setUp + "\n")
	for line := range strings.Lines("$ " + commands) {
		command, ok := strings.CutPrefix(line, "$ tillpost")
		if !ok {
			continue
		}
		command = strings.TrimSpace(command)
		fmt.Fprintf(&b, "$ %s\n", strings.TrimSpace("tillpost "+command))
		var stdout, stderr bytes.Buffer
		status := Main(words(fill.Replace(command)), &stdout, &stderr)
		b.WriteString(volatile(hide.Replace(stdout.String())))
		for line := range strings.Lines(volatile(hide.Replace(stderr.String()))) {
			b.WriteString("! " + line)
		}
		fmt.Fprintf(&b, "= %d\n\n", status)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func writeFiles(t *testing.T, dir, text string) {
	t.Helper()
	var name string
	var content strings.Builder
	flush := func() {
		if name == "" {
			return
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.TrimRight(content.String(), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(text) {
		rest, begins := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if next, ends := strings.CutSuffix(rest, " --"); begins && ends {
			flush()
			name = next
			content.Reset()
			continue
		}
		content.WriteString(line)
	}
	flush()
}

// words splits a command as a shell does that knows '...'.
func words(command string) (list []string) {
	for _, found := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(command, -1) {
		list = append(list, found[1]+found[2])
	}
	return list
}

// volatile hides what differs from run to run.
func volatile(text string) string {
	for _, v := range []struct{ from, to string }{
		{`\$DIR[^\s":;,]*`, ``}, // to slashes, see below
		{`time=\S+`, `time=TIME`},
		{`"time":"[^"]*"`, `"time":"TIME"`},
		{`"(at|next|acknowledged_at|waits_since)":"[^"]+"`, `"$1":"TIME"`},
		{`\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b`, `DATE`},
		{`"last_delivery":"[^"]*"`, `"last_delivery":"TIME"`},
		{`\b\d+ s ago`, `SECONDS ago`},
		{`[\d,]+ MB free`, `MANY MB free`},
		{`what .+ sees`, `what ACCOUNT sees`},
		{`go1\.\d+(\.\d+)?`, `go1.N`},
		{`(commit |"commit":")[0-9a-f]{40}(\+changes)?`, `${1}unknown`},
		{`tillpost v\S+,|"version":"[^"]*"`, `VERSION`},
		{`tillpost dev,`, `VERSION`},
	} {
		found := regexp.MustCompile(v.from)
		if v.to == "" {
			text = found.ReplaceAllStringFunc(text, func(path string) string {
				return strings.ReplaceAll(strings.ReplaceAll(path, `\\`, "/"), `\`, "/")
			})
			continue
		}
		text = found.ReplaceAllString(text, v.to)
	}
	return text
}
