package agent

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"tillpost/outbox"
)

// Verified is what came of reading the whole outbox.
type Verified struct {
	Keys   int64    `json:"keys"`
	Broken []string `json:"broken,omitempty"` // what is wrong with it, the first few of its faults; none = it is in order
}

// verifyTime is how long reading the whole outbox may take: one of a million keys takes 2 s where the disk is fast.
const verifyTime = 10 * time.Minute

// verify reads the whole outbox. Meanwhile nothing is written into it, and so nothing new is sent. The error says why it
// could not be read to its end; what is wrong in it is none.
func verify(ctx context.Context, box *outbox.Outbox) (v Verified, err error) {
	v.Keys, err = box.Verify(ctx)
	if ctx.Err() != nil {
		return v, err
	}
	if err != nil {
		v.Broken = strings.Split(err.Error(), "\n")
	}
	return v, nil
}

func (d *fileDesk) Verify(ctx context.Context) (Verified, error) { return verify(ctx, d.box) }

func (d *netDesk) Verify(ctx context.Context) (v Verified, err error) {
	patient := *d.client
	patient.Timeout = verifyTime
	return v, (&netDesk{card: d.card, client: &patient}).call(ctx, http.MethodPost, "/verify", struct{}{}, &v)
}

// serveVerify serves what takes longer than the other commands. It ends when the one who asked goes away, or the agent
// stops.
func (l *listener) serveVerify(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	end := time.Now().Add(verifyTime)
	_, _ = c.SetReadDeadline(end), c.SetWriteDeadline(end) // without them it ends sooner
	_, _ = io.Copy(io.Discard, r.Body)                     // only then it is noticed that the other side goes away
	v, err := verify(r.Context(), l.a.box)
	reply(w, v, err)
}
