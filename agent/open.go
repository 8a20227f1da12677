package agent

import (
	"context"
	"errors"

	"tillpost/outbox"
)

// ErrNotRunning says that no agent runs that could do what only a running one can.
var ErrNotRunning = errors.New("no agent runs")

// Link makes a link that opens the status page once, within a minute.
func (d *boxDesk) Link(context.Context) (string, error) {
	switch {
	case d.agent == nil:
		return "", ErrNotRunning
	case d.conf.Status.Listen == "":
		return "", errors.New("the status page is off")
	case d.agent.opts.Link == nil:
		return "", errors.New("the running agent serves no status page")
	}
	link, err := d.agent.opts.Link()
	if err == nil {
		d.agent.log.Info("command", "command", "open", "done", 1)
	}
	return link, err
}

// Recent lists the exports that were taken or refused last, of all sources, the newest first.
func (d *boxDesk) Recent(_ context.Context, most int) ([]outbox.Export, error) {
	return d.box.RecentExports(most)
}

func (d *netDesk) Link(ctx context.Context) (string, error) {
	return ask[string](ctx, d, "/open", struct{}{})
}

func (d *netDesk) Recent(ctx context.Context, most int) ([]outbox.Export, error) {
	return ask[[]outbox.Export](ctx, d, "/recent", most)
}

// LogTail is the newest lines of the running agent's log, the oldest first.
func (d *boxDesk) LogTail(context.Context) ([]string, error) {
	if d.agent == nil || d.agent.opts.LogTail == nil {
		return nil, nil
	}
	return d.agent.opts.LogTail(), nil
}

func (d *netDesk) LogTail(ctx context.Context) ([]string, error) {
	return ask[[]string](ctx, d, "/log", struct{}{})
}
