package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// roleEnv says which part of the bench this process is; without it, it is the one that measures.
const roleEnv = "TILLPOST_BENCH_ROLE"

// roles read what they need as JSON from standard input and print what came of it as JSON on standard output.
var roles = map[string]func(in *json.Decoder, out *json.Encoder) error{
	"sink":  sinkRole,
	"blast": blastRole,
	"base":  baseRole,
}

// playRole does what this process was started for; done is false for the process that measures.
func playRole() (done bool, err error) {
	name := os.Getenv(roleEnv)
	if name == "" {
		return false, nil
	}
	role, ok := roles[name]
	if !ok {
		return true, fmt.Errorf("%s=%s: there is no such role", roleEnv, name)
	}
	out := bufio.NewWriter(os.Stdout)
	if err := role(json.NewDecoder(os.Stdin), json.NewEncoder(flusher{out})); err != nil {
		return true, fmt.Errorf("%s: %w", name, err)
	}
	return true, out.Flush()
}

// flusher hands on what is printed at once: whoever started the process waits for it.
type flusher struct{ *bufio.Writer }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	return n, errors.Join(err, f.Flush())
}

// roleCommand is this program in another role.
func roleCommand(ctx context.Context, name string, env ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(append(os.Environ(), roleEnv+"="+name), env...)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// ask runs a role to its end. It returns the CPU that the process used, its start included.
func ask(ctx context.Context, name string, question, answer any, env ...string) (cpu time.Duration, err error) {
	cmd, err := roleCommand(ctx, name, env...)
	if err != nil {
		return 0, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	err = errors.Join(json.NewEncoder(in).Encode(question), in.Close())
	text, readErr := io.ReadAll(out)
	if err = errors.Join(err, readErr, cmd.Wait()); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return 0, fmt.Errorf("%s answered %q: %w", name, text, err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
