package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"tillpost/agent"
)

// demoAgent is the demo's agent: `tillpost run` as a process of its own, so that it can be killed. It ends by itself when
// the demo does, however that ends, because its standard input ends then.
type demoAgent struct {
	cmd   *exec.Cmd
	log   string // the file with what it says
	leash io.Closer
	ended chan struct{} // closed once the process is gone
	err   error         // how it ended; to be read once it has
}

// stopTime is how long the agent has to come to its end: its requests in flight get 10 s.
const stopTime = 15 * time.Second

// startDemoAgent starts the agent of a config. g waits for its end.
func startDemoAgent(g *errgroup.Group, config, log string) (*demoAgent, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	out, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the agent's log: %w", err)
	}
	defer out.Close() // the agent has its own
	a := &demoAgent{cmd: exec.Command(program, "run", "--"+leashFlag, "--config", config), log: log, ended: make(chan struct{})}
	a.cmd.Stdout, a.cmd.Stderr = out, out
	shieldFromCtrlC(a.cmd)
	if a.leash, err = a.cmd.StdinPipe(); err == nil {
		err = a.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	g.Go(func() error {
		a.err = a.cmd.Wait()
		close(a.ended)
		return nil
	})
	return a, nil
}

// kill ends the agent as a power cut does, but for the disk. (SIGKILL; on Windows TerminateProcess.)
func (a *demoAgent) kill() error {
	if err := a.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the agent: %w", err)
	}
	<-a.ended
	return nil
}

// stop lets the agent come to its end.
func (a *demoAgent) stop() error {
	_ = a.leash.Close() // it may have ended before
	select {
	case <-a.ended:
	case <-time.After(stopTime):
		return errors.Join(fmt.Errorf("the agent did not stop in %s and was killed", stopTime), a.kill())
	}
	if a.err != nil {
		return a.died()
	}
	return nil
}

// died is the error of an agent that ended by itself.
func (a *demoAgent) died() error {
	how := "exit status 0"
	if a.err != nil {
		how = a.err.Error()
	}
	return fmt.Errorf("the agent has ended (%s); its last words:\n%s", how, lastLines(a.log, 10))
}

// lastLines are the last lines of a file, n at most.
func lastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return strings.TrimSpace(string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))))
}

// startAgent starts the agent and waits until it answers.
func (d *demo) startAgent(ctx context.Context) (err error) {
	if d.agent, err = startDemoAgent(d.group, d.path("tillpost.yaml"), d.path("agent.log")); err != nil {
		return err
	}
	for start := time.Now(); ; {
		if d.desk, err = agent.DialDesk(ctx, d.config); err == nil {
			return d.look(ctx)
		}
		if time.Since(start) > d.tempo.bound {
			return fmt.Errorf("the agent does not answer: %w", err)
		}
		if err := d.pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// stopAgent lets the agent come to its end, if one runs.
func (d *demo) stopAgent() error {
	if d.agent == nil {
		return nil
	}
	err := d.agent.stop()
	return errors.Join(err, d.letGo())
}

// letGo forgets an agent that has ended.
func (d *demo) letGo() (err error) {
	if d.desk != nil {
		err = d.desk.Close()
	}
	d.agent, d.desk = nil, nil
	return err
}

// killAgent ends the agent in the middle of its work, and looks into what it leaves behind.
func (d *demo) killAgent(ctx context.Context) error {
	if err := d.agent.kill(); err != nil {
		return err
	}
	if err := d.letGo(); err != nil {
		return err
	}
	desk, err := agent.OpenDesk(ctx, d.config)
	if err != nil {
		return err
	}
	d.day.seen, err = desk.Status(ctx)
	return errors.Join(err, desk.Close())
}
