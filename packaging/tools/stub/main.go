// Stub stands in for tillpost.exe where the MSI is tested: it writes down its version and what it was asked to do, a line each, in
// C:\stub.txt, and fails where C:\stub.fail names its command. `stub hold` keeps its own file in use until C:\stub.go is there.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// version is set when it is linked: -ldflags "-X main.version=1.2.3".
var version = ""

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	if err := note(version + "|" + strings.Join(os.Args[1:], "|")); err != nil {
		fmt.Fprintln(os.Stderr, "stub:", err)
		os.Exit(1)
	}
	if os.Args[1] == "hold" {
		for {
			if _, err := os.Stat(`C:\stub.go`); err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	if failing, err := os.ReadFile(`C:\stub.fail`); err == nil && strings.TrimSpace(string(failing)) == os.Args[1] {
		os.Exit(1)
	}
}

func note(line string) error {
	f, err := os.OpenFile(`C:\stub.txt`, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
