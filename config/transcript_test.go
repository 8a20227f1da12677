package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is said of the wrong configs in testdata/problems")

// Two machines to read configs on, whichever one the tests run on.
var (
	linux   = platform{config: "/etc/tillpost/tillpost.yaml", dataDir: "/var/lib/tillpost", token: "/etc/tillpost/token"}
	windows = platform{
		windows: true, config: `C:\ProgramData\tillpost\tillpost.yaml`, dataDir: `C:\ProgramData\tillpost`,
		token: `C:\ProgramData\tillpost\token`,
	}
)

func TestWrongConfigsAreExplained(t *testing.T) { // O1, O4
	t.Parallel()
	cases, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("got the cases %v, %v; want some", cases, err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := parse(linux, linux.config, text)
			if err == nil || c != nil {
				t.Fatalf("got %+v, %v; want an error alone", c, err)
			}
			got := err.Error() + "\n"
			said := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(said, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(said)
			if err != nil {
				t.Fatal(err)
			}
			if w := strings.ReplaceAll(string(want), "\r\n", "\n"); got != w {
				t.Errorf("got\n%s\nwant\n%s", got, w)
			}
		})
	}
}
