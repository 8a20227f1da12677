package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"tillpost/inventory"
)

// Line posts one update after the other, as one worker does: it is of one goroutine. What a request needs besides its bytes
// (a context with its time-out, a trace, the request itself) is used again where the request before was answered in order,
// for to make it costs as much as what net/http does with it. That is why the context lies in here.
type Line struct {
	c      *Client
	parent context.Context
	body   []byte
	kit    *kit // nil = to be made
}

// kit is what a request needs besides its bytes.
type kit struct {
	ctx     context.Context // ends with the line's, and
	cancel  context.CancelFunc
	timer   *time.Timer // when the time is up
	wire    wire
	reader  bytes.Reader
	request *http.Request
}

// Line opens a line whose requests are given up when ctx ends. It is to be closed.
func (c *Client) Line(ctx context.Context) *Line { return &Line{c: c, parent: ctx} }

// Close ends the line. Its connection stays for others.
func (l *Line) Close() {
	if l.kit != nil {
		l.kit.timer.Stop()
		l.kit.cancel()
		l.kit = nil
	}
}

// Post sends the update and judges the answer. While the line's context lives it takes at most Options.Timeout; when that
// ends, the request is given up and, if it was under way, in doubt.
func (l *Line) Post(u inventory.Update) Answer {
	start := time.Now()
	cred, err := l.c.credentials()
	if err != nil {
		return Answer{Verdict: TokenBad, Words: clean(err.Error(), ""), Took: time.Since(start)}
	}
	var a Answer
	if l.parent.Err() != nil {
		a = Answer{Words: cancelled(l.parent)}
	} else {
		a = l.exchange(cred, appendUpdate(l.body[:0], u), u.Key)
	}
	a.Words = clean(a.Words, cred.token)
	a.Took = time.Since(start)
	return a
}

// exchange makes the request and reads and judges its answer.
//
// It calls the transport itself and not through an http.Client: there is nothing then that could follow a redirect,
// keep a cookie or add a header. The request has no GetBody and no Idempotency-Key, so the transport replays nothing.
func (l *Line) exchange(cred *credentials, body []byte, key inventory.Key) Answer {
	c, k := l.c, l.take(body)
	k.request.Header = cred.header
	response, err := c.transport.RoundTrip(k.request)
	if err != nil {
		defer l.Close()
		return c.failure(l.parent, k.ctx, &k.wire, err)
	}
	limit := maxErrorBody
	if response.StatusCode/100 == 2 {
		limit = maxBody
	}
	buffer := c.buffers.Get().(*[]byte)
	got, end := readBody(response.Body, (*buffer)[:0], limit)
	if end == cut && k.ctx.Err() != nil {
		end = late
	}
	a := judge(reply{response.StatusCode, response.Header, got, end}, key)
	if end == late && a.Verdict == Later {
		a.Words = c.gaveUp(l.parent, true)
	}
	if cap(got) <= keepBuffer {
		*buffer = got
		c.buffers.Put(buffer)
	}
	_ = response.Body.Close() // it was only read
	l.give(body, end)
	return a
}

// take is the kit for a request that begins now.
func (l *Line) take(body []byte) *kit {
	k := l.kit
	if k == nil {
		k = &kit{}
		k.ctx, k.cancel = context.WithCancel(l.parent)
		k.timer = time.AfterFunc(l.c.timeout, k.cancel)
		k.request = l.c.template.WithContext(k.wire.watch(k.ctx))
		k.request.Body = io.NopCloser(&k.reader) // of these types the transport knows that one packet will do
		l.kit = k
	} else {
		k.wire.connected.Store(false)
		k.wire.sent.Store(false)
		k.wire.wrote.Store(false)
		k.timer.Reset(l.c.timeout)
	}
	l.body = nil // it is the request's
	k.reader.Reset(body)
	k.request.ContentLength = int64(len(body))
	return k
}

// give keeps the kit and the body for the next request, if nobody else can still have a hand on them: the transport has
// written all of the request, its answer was read to the end, and the time was not up. A transport that is none of net/http's
// does not tell when it has read the last of a body.
func (l *Line) give(body []byte, end ending) {
	if end == whole && l.kit.wire.wrote.Load() && l.kit.timer.Stop() {
		l.body = body
		return
	}
	l.Close()
}

// wire is what is known of a request's way out. The transport tells it from goroutines of its own.
type wire struct {
	connected atomic.Bool // there was a connection to send it on, TLS and proxy included
	sent      atomic.Bool // its header was put on the connection: the body may have followed
	wrote     atomic.Bool // the transport has done with it, and with its body
}

func (w *wire) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { w.connected.Store(true) },
		WroteHeaders: func() { w.sent.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { w.wrote.Store(i.Err == nil) },
	})
}
