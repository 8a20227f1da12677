package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// Run does the work until ctx ends or it fails. asService is what the service manager's command line says: the work is then a
// service's, which the manager stops; svc.IsWindowsService would ask the same of Windows, and is told otherwise by Wine.
func Run(ctx context.Context, asService bool, work func(context.Context) error, life Life) error {
	if !asService {
		return work(ctx)
	}
	// A console's signals are not a service's: somebody who logs off would stop it.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	h := &handler{ctx: context.WithoutCancel(ctx), work: work, life: life, events: openEvents()}
	defer h.events.close()
	err := svc.Run(Name, h)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return errNotAsService
	}
	return errors.Join(err, h.err)
}

// pulseTime is how long the work has to show that it lives, where the service manager does not say it.
const pulseTime = 5 * time.Minute

// stopError is the cause of the end of a service that its manager stops.
type stopError struct{ shutdown bool }

func (e *stopError) Error() string {
	if e.shutdown {
		return "the computer shuts down"
	}
	return "the service manager stops the service"
}

// Grace is how long requests on their way have: Windows leaves a service 5 s when it shuts down.
func (e *stopError) Grace() time.Duration {
	if e.shutdown {
		return 3 * time.Second
	}
	return 10 * time.Second
}

// words is an error as a person reads it.
func (l Life) words(err error) string {
	if l.Words == nil {
		return err.Error()
	}
	return l.Words(err)
}

// handler is the service as the service manager knows it.
type handler struct {
	ctx    context.Context // of the one call of Run
	work   func(context.Context) error
	life   Life
	events *events
	err    error // what the work ended with
}

// The exit codes of a service, which are its own: 0 is none.
const (
	exitFailed = 1
	exitHangs  = 2
)

// Execute is called by the service manager. It says at once that the service runs: an outbox may take minutes to verify, and a
// service that is not up after 30 s counts as failed.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, states chan<- svc.Status) (ownCode bool, code uint32) {
	states <- svc.Status{State: svc.StartPending, WaitHint: 10_000}
	yield()
	ctx, stop := context.WithCancelCause(h.ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() { ended <- h.work(ctx) }()
	now := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	states <- now
	h.events.note("the service has started")
	hangs := make(chan error, 1)
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	go h.watch(watching, hangs)
	var tick, late <-chan time.Time
	for {
		select {
		case h.err = <-ended:
			return h.end(ctx)
		case err := <-hangs:
			// The manager starts it again, for it goes without saying that it stopped.
			h.events.alarm("the service hangs and is ended, so that Windows starts it again: " + h.life.words(err))
			os.Exit(exitHangs)
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				states <- now
			case svc.Stop, svc.Shutdown:
				unwatch()
				hurry()
				stop(&stopError{shutdown: r.Cmd == svc.Shutdown})
				now = svc.Status{State: svc.StopPending, CheckPoint: 1, WaitHint: 15_000}
				states <- now
				tick, late = time.Tick(2*time.Second), time.After(endTime)
			}
		case <-late: // a folder hangs, or the disk; what is on disk is whole, and no later start waits for this process
			h.err = errors.New("it has not come to its end in time")
			return h.end(ctx)
		case <-tick: // it is still about to stop
			now.CheckPoint++
			states <- now
		}
	}
}

// end says what the work ended with. A stop that was asked for is no failure, whatever it ended with.
func (h *handler) end(ctx context.Context) (ownCode bool, code uint32) {
	cause := context.Cause(ctx)
	switch {
	case cause != nil && h.err == nil:
		h.events.note("the service has stopped: " + cause.Error())
		return false, 0
	case cause != nil:
		h.events.alarm("the service has stopped, not in order: " + h.life.words(h.err))
		return false, 0
	case h.err == nil:
		h.err = errors.New("its work has ended, and nobody has asked for that")
	}
	h.events.alarm("the service has failed; Windows starts it again: " + h.life.words(h.err))
	return true, exitFailed
}

// watch asks the work again and again whether it lives, and tells when it does not.
func (h *handler) watch(ctx context.Context, hangs chan<- error) {
	tick := time.NewTicker(pulseTime / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := h.life.alive(ctx, pulseTime); err != nil && ctx.Err() == nil {
				hangs <- err
				return
			}
		}
	}
}

// endTime is how long the work has to come to its end: 10 s for requests on their way, and a slow disk needs its time.
const endTime = 40 * time.Second

// Windows' priorities of disk and network, as NtSetInformationProcess knows them.
const (
	ioLow    = 1
	ioNormal = 2
)

// yield lets the POS go first: the processor and the disk are for others where they want them. It is not Windows' background mode,
// which also takes all memory from a process but 32 MiB, and lets one that needs more crawl.
func yield() { prioritise(windows.BELOW_NORMAL_PRIORITY_CLASS, ioLow) }

// hurry ends yield: the service is to come to its end.
func hurry() { prioritise(windows.NORMAL_PRIORITY_CLASS, ioNormal) }

// prioritise sets both; a Windows that does not know one of them is only less polite.
func prioritise(class, io uint32) {
	_ = windows.SetPriorityClass(windows.CurrentProcess(), class)
	_ = windows.NtSetInformationProcess(windows.CurrentProcess(), windows.ProcessIoPriority, unsafe.Pointer(&io), uint32(unsafe.Sizeof(io)))
}

// What events are numbered; the system's own EventCreate.exe shows their text.
const (
	eventNote  = 1
	eventAlarm = 3
)

// events is Windows' event log; its lines are few: start, stop, and what ends the service.
type events struct{ log *eventlog.Log }

// maxEvent is how long a line of the event log is at the most, in bytes; Windows takes 31,839 characters.
const maxEvent = 16 << 10

func openEvents() *events {
	log, err := eventlog.Open(Name)
	if err != nil {
		return &events{} // nobody hears it
	}
	return &events{log}
}

func (e *events) note(text string) {
	if e.log != nil {
		_ = e.log.Info(eventNote, clipEvent(text)) // there is nowhere left to tell of it
	}
}

func (e *events) alarm(text string) {
	if e.log != nil {
		_ = e.log.Error(eventAlarm, clipEvent(text)) // there is nowhere left to tell of it
	}
}

func (e *events) close() {
	if e.log != nil {
		_ = e.log.Close()
	}
}

func clipEvent(text string) string {
	if len(text) > maxEvent {
		return fmt.Sprintf("%s ...", text[:maxEvent])
	}
	return text
}

// TellEvent writes a line into Windows' event log, for a command that nobody sees.
func TellEvent(text string) {
	e := openEvents()
	defer e.close()
	e.alarm(text)
}
