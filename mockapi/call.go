package mockapi

import (
	"io"
	"time"
)

// call is one request while it is being served. Calls are used again, so that a plain request allocates little.
type call struct {
	seq     uint64 // its number, by arrival
	at      time.Time
	in      []byte // the request's body, at most maxBody+1 bytes
	scanner scanner
	body    body
	valid   bool   // an update as documented, with the right token
	name    []byte // the encoded key, if valid

	shard       *shard // with entry; nil if it is no update
	entry       *entry
	next        *call // the next in flight for the same key; shard.mu guards it
	overlapping bool  // another came for the same key meanwhile; shard.mu guards it

	fault  faultID
	status int  // what was answered, 0 as long as nothing was
	gone   bool // the client gave up
	done   bool // finished: no longer in flight
}

// reset makes the call ready for the next request. Buffers are kept, but not large ones.
func (c *call) reset() {
	in, name, scratch := c.in[:0], c.name[:0], c.scanner.scratch[:0]
	if cap(in) > 4<<10 {
		in, name, scratch = nil, nil, nil
	}
	*c = call{in: in, name: name, scanner: scanner{scratch: scratch}}
}

// read takes the request's body. Of one that is too long it leaves maxBody+1 bytes in c.in. The error is the client's
// going.
func (c *call) read(r io.Reader, length int64) error {
	if r == nil { // a client's request without a body, called in-process
		return nil
	}
	if length > maxBody {
		c.in = append(c.in[:0], make([]byte, maxBody+1)...)
		return nil
	}
	if c.in == nil {
		c.in = make([]byte, 0, 512)
	}
	for {
		if len(c.in) == cap(c.in) {
			c.in = append(c.in, 0)[:len(c.in)]
		}
		n, err := r.Read(c.in[len(c.in):min(cap(c.in), maxBody+1)])
		c.in = c.in[:len(c.in)+n]
		switch {
		case err == io.EOF || len(c.in) > maxBody:
			c.scanner.in = c.in
			return nil
		case err != nil:
			return err
		}
	}
}

// named returns the call's key. It must be valid.
func (c *call) named() Key {
	if c.entry != nil {
		return decode(c.entry.name)
	}
	return decode(string(c.name))
}
