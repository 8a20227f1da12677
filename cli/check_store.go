package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"tillpost/agent"
	"tillpost/config"
	"tillpost/outbox"
)

const (
	lowDisk  = 500 << 20 // bytes free, below which an outbox that grows may soon have no room
	fullDisk = 50 << 20  // bytes free, below which it has none
)

// data looks at the data folder and its disk.
func (u *checkup) data(ctx context.Context) {
	dir := u.conf.DataDir
	p, ok := within(ctx, fileTime, func(context.Context) place { return placeOf(dir, true) })
	if !ok {
		u.tell(ctx, "data", "", failure("look after its disk, or write a folder on another one as `data_dir`", "%s: no answer within %v", dir, fileTime))
		u.left = append(u.left, "the disk")
		return
	}
	u.tell(ctx, "data", "", u.dataFound(p))
	u.tell(ctx, "disk", "", roomOf(p))
}

// log looks at the place of the log, where it has one of its own.
func (u *checkup) log(ctx context.Context) {
	file := u.conf.Log.File
	if file == "" {
		return
	}
	dir := filepath.Dir(file)
	const do = "write a file in another folder as `log.file`, or leave that out"
	p, ok := within(ctx, fileTime, func(context.Context) place { return placeOf(dir, true) })
	switch {
	case !ok:
		u.tell(ctx, "log", "", failure(do, "%s: no answer within %v", dir, fileTime))
	case p.err != nil:
		u.tell(ctx, "log", "", fault(p.err, do))
	case p.writeErr != nil:
		u.tell(ctx, "log", "", failure(u.mayWrite(p.writeErr), "%s: %s cannot write there: %s", dir, u.account, reason(p.writeErr)))
	case samePath(dir, privateHome()):
		u.tell(ctx, "log", "", warning(do, "%s lies beside the config, where the service may only read", file))
	default:
		u.tell(ctx, "log", "", fine("%s: can be written to", dir))
	}
}

// dataFound is what is found about the place of the data folder.
func (u *checkup) dataFound(p place) finding {
	dir := u.conf.DataDir
	switch {
	case p.Share != "":
		return failure("write a folder on a disk of this computer as `data_dir`", "%s lies on a network share (%s), where the outbox is not safe", dir, p.Share)
	case p.err != nil:
		return fault(p.err, "write another folder as `data_dir`")
	case p.writeErr != nil:
		return failure(u.mayWrite(p.writeErr), "%s: %s cannot write there: %s", dir, u.account, reason(p.writeErr))
	case p.nearest != dir:
		return fine("%s: not there yet; the first start makes it", dir)
	}
	return fine("%s: can be written to", dir)
}

// roomOf tells how much room a place has.
func roomOf(p place) finding {
	const do = "make room there: delete what is not needed, or write a folder on another disk as `data_dir`"
	free := fmt.Sprintf("%s MB free where %s lies", number(p.Free>>20), p.nearest)
	switch {
	case p.diskErr != nil:
		return warning("look yourself how much room there is", "%s", errorText(p.diskErr))
	case p.Free < fullDisk:
		return failure(do, "%s", free)
	case p.Free < lowDisk:
		return warning(do, "%s", free)
	}
	return fine("%s", free)
}

// mayWrite is what to do where a folder cannot be written to.
func (u *checkup) mayWrite(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "give the account that tillpost runs as the right to write there; it was " + u.account + " that looked"
	}
	return "look after the disk: it may be full, or made read-only after a fault"
}

// agent finds the running agent, or the outbox of a stopped one.
func (u *checkup) agent(ctx context.Context) {
	type asked struct {
		desk   agent.Desk
		status agent.Status
		err    error
	}
	conf := u.conf
	a, ok := within(ctx, 2*deskTime, func(ctx context.Context) (a asked) {
		if a.desk, a.err = openDesk(ctx, conf); a.err == nil {
			a.status, a.err = a.desk.Status(ctx)
		}
		return a
	})
	if !ok {
		a.err = fmt.Errorf("the data folder %s does not answer within %v", u.conf.DataDir, 2*deskTime)
	}
	u.desk, u.deskErr = a.desk, a.err
	if a.err == nil {
		u.status = &a.status
	}
	u.tell(ctx, "agent", "", u.agentFound(time.Now()))
}

// running reports whether an agent runs and answers.
func (u *checkup) running() bool { return u.status != nil && u.status.State != "stopped" }

func (u *checkup) agentFound(now time.Time) finding {
	s := u.status
	switch {
	case u.deskErr != nil && !ofOutbox(u.deskErr):
		return fault(u.deskErr, "look after the data folder's disk, and who may use it")
	case s == nil:
		return fine("not running; what follows is what %s sees, and a service may be another account", u.account)
	case s.State == "stopped" && s.Why != "":
		return warning("`tillpost resume` lets it go on once it runs", "not running, and %s", s.Why)
	case s.State == "stopped" && s.Pending > 0:
		return warning("`tillpost run` starts it", "not running, and %s to send", plural(s.Pending, "update"))
	case s.State == "stopped":
		return fine("not running; what follows is what %s sees, and a service may be another account", u.account)
	case s.Why == "by command":
		return warning("`tillpost resume` lets it go on", "paused by command, process %d", s.PID)
	case s.API.State != "ok":
		do := "look at the lines about the API below"
		if s.State == "paused" {
			do += "; once that is mended it goes on by itself"
		}
		return warning(do, "%s; of the API it says: %s", agentLine(*s, now), apiLine(*s, now))
	}
	return fine("%s", agentLine(*s, now))
}

// tokenFrom looks for the token, which it keeps.
func (u *checkup) tokenFrom(ctx context.Context, tokens *config.TokenSource) finding {
	type read struct {
		token string
		err   error
	}
	r, ok := within(ctx, fileTime, func(context.Context) (r read) {
		r.token, r.err = tokens.Token()
		return r
	})
	if !ok {
		r.err = fmt.Errorf("the token's file does not answer within %v", fileTime)
	}
	switch {
	case r.err == nil:
	case u.running():
		return warning("look again as the account that tillpost runs as, or as an administrator",
			"%s cannot read it; the running agent has one: %s", u.account, errorText(r.err))
	default:
		return fault(&setupError{err: r.err, token: true}, "write the token alone into that file, so that only the account that tillpost runs as can read it")
	}
	u.token = r.token
	return fine("from %s", tokens.From())
}

// ofOutbox reports whether what keeps the desk from being opened is the outbox, which no agent then works on.
func ofOutbox(err error) bool {
	return errors.Is(err, outbox.ErrNoOutbox) || errors.Is(err, outbox.ErrDamaged) || errors.Is(err, outbox.ErrNewer)
}

// outbox reads the whole outbox.
func (u *checkup) outbox(ctx context.Context) {
	switch {
	case errors.Is(u.deskErr, outbox.ErrNoOutbox):
		u.tell(ctx, "outbox", "", fine("none yet; the first start makes it"))
		return
	case u.deskErr != nil && ofOutbox(u.deskErr):
		u.tell(ctx, "outbox", "", fault(u.deskErr, "look after the data folder's disk"))
		return
	case u.deskErr != nil:
		u.left = append(u.left, "the outbox")
		return
	}
	type verified struct {
		agent.Verified
		err error
	}
	desk := u.desk
	v, ok := within(ctx, outboxTime, func(ctx context.Context) (v verified) {
		v.Verified, v.err = desk.Verify(ctx)
		return v
	})
	switch {
	case !ok:
		u.tell(ctx, "outbox", "", failure("look after the disk, which is very slow or faulty", "could not be read to its end within %v", outboxTime))
	case v.err != nil:
		u.tell(ctx, "outbox", "", fault(v.err, "try again in a minute"))
	case len(v.Broken) > 0:
		u.tell(ctx, "outbox", "", finding{State: itemFailed, Do: hint(outbox.ErrDamaged), Found: "damaged: " + clip(v.Broken[0], 200)})
	default:
		u.tell(ctx, "outbox", "", u.outboxFound(v.Keys))
	}
}

// outboxFound is what is found of an outbox that is in order.
func (u *checkup) outboxFound(keys int64) finding {
	text := fmt.Sprintf("verified: %s known, %s to send, %s", plural(keys, "stock figure"), plural(u.status.Pending, "update"), plural(u.status.Dead, "dead letter"))
	aside, err := outbox.Aside(u.conf.DataDir)
	if err != nil || len(aside) == 0 {
		return fine("%s", text)
	}
	return warning("look after the disk; once the API holds what it should, delete "+strings.Join(aside, " and "),
		"%s; one before it was damaged and set aside as %s", text, aside[len(aside)-1])
}

// reason is why something cannot be done with a file, without its name.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return strings.TrimPrefix(errorText(pe), pe.Path+": ")
	}
	return errorText(err)
}
