package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal opens a pair of pseudo terminals: what is written into one comes out of the other.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

func TestTokenSetAsksAPersonWithoutEcho(t *testing.T) {
	t.Parallel()
	const token = "tok-SECRET-0123456789"
	dir := t.TempDir()
	config := filepath.Join(dir, "tillpost.yaml")
	if err := os.WriteFile(config, []byte("api: {url: https://localhost, token_file: token}\nsources: [{folder: pos}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	echoes := func(f *os.File) bool {
		state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		return err == nil && state.Lflag&unix.ECHO != 0
	}
	for name, interrupted := range map[string]bool{"and stores what is typed": false, "and shows what is typed again after Ctrl-C": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			person, program := terminal(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "token", "set", "--config", config)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			seen := make([]byte, 0, 4096)
			read := func() {
				buf := make([]byte, 1024)
				n, err := person.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, buf[:n]...)
			}
			for !bytes.Contains(seen, []byte("not shown")) {
				read()
			}
			eventually(t, "it reads without echo", func() bool { return !echoes(program) })
			if interrupted {
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
			} else if _, err := person.WriteString(token + "\n"); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			if !interrupted {
				for !bytes.Contains(seen, []byte("stored in")) {
					read()
				}
			}
			if (err == nil) == interrupted || !echoes(program) || bytes.Contains(seen, []byte("SECRET")) {
				t.Errorf("got %v, echo %v, %q; want the terminal as it was, and nothing of the token", err, echoes(program), seen)
			}
			if interrupted {
				return
			}
			if text, err := os.ReadFile(filepath.Join(dir, "token")); strings.TrimSpace(string(text)) != token {
				t.Errorf("got %q, %v; want the token", text, err)
			}
		})
	}
}
