package outbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// format is the layout's number, see the package's comment. Format 1 is read too, and becomes this one when it is opened.
const format = 2

// Errors to branch on.
var (
	ErrInUse    = errors.New("another tillpost is using it")
	ErrNewer    = errors.New("a newer tillpost made it")
	ErrNoOutbox = errors.New("there is no outbox yet")
	ErrUnknown  = errors.New("not known")
	// ErrUncertain: a write failed in a way that leaves open whether it counts. The outbox takes no more until it is
	// closed and opened again, which finds out.
	ErrUncertain = errors.New("a write failed and may count all the same")
)

var (
	bucketMeta    = []byte("meta")
	bucketKeys    = []byte("keys")
	bucketQueue   = []byte("queue")
	bucketDue     = []byte("due")
	bucketLeases  = []byte("leases")
	bucketDead    = []byte("dead")
	bucketFailed  = []byte("failed")
	bucketExports = []byte("exports")
	bucketFiles   = []byte("files")
	bucketSources = []byte("sources")
	bucketIntakes = []byte("intakes")
	bucketHeld    = []byte("held")

	allBuckets = [][]byte{bucketMeta, bucketKeys, bucketQueue, bucketDue, bucketLeases, bucketDead, bucketFailed,
		bucketExports, bucketFiles, bucketSources, bucketIntakes, bucketHeld}

	keyFormat = []byte("format")
	keyState  = []byte("state")
)

// Options of an outbox.
type Options struct {
	// Destination names the API that the ledger is about: its URL. Another one than the last time makes every last
	// wanted quantity pending again. Empty = whatever the file is about: for looking only, by whoever is not the agent.
	Destination string
	// Confirm is how long after the acknowledgement of a newer quantity it is sent once more, where an older request may
	// still land (promise 4 of the contract).
	Confirm time.Duration
	// DeadRetry is after how long a dead letter is tried by itself, each time twice as late up to 7 days; 0 = never.
	DeadRetry time.Duration
	// NoSync leaves out fsync: for simulations that crash by copying the file, never for a store.
	NoSync bool
	// MustExist refuses to create the file: ErrNoOutbox.
	MustExist bool
	// Random decides which of several canaries it is; nil = one of its own: for simulation.
	Random rand.Source
	// Verified says that Verify has found the file in order since it was closed last.
	Verified bool
}

func (opts *Options) looksOnly() bool { return opts.Destination == "" }

// Opening is what Open found and did, for the log.
type Opening struct {
	Compaction *Compaction // nil = there was nothing to make smaller
	Foreign    string      // why the ledger is not trusted, so that everything is sent again; "" = it is
}

// Opening tells what Open found and did.
func (o *Outbox) Opening() Opening { return o.opening }

// Counters are what `status` shows of an outbox. Those over time count since the data folder began.
type Counters struct {
	Pending    int64 `json:"pending"`   // keys that wait, those in flight included, dead letters not
	Dead       int64 `json:"dead"`      // dead letters
	Unknown    int64 `json:"unknown"`   // of those: the API does not know the product or the store
	Doubtful   int64 `json:"doubtful"`  // pending only because an older request may still land
	Delivered  int64 `json:"delivered"` // acknowledged, over time
	Unchanged  int64 `json:"unchanged"` // rows not sent because nothing changed, over time
	Rejects    int64 `json:"rejects"`   // rows that could not become an update, over time
	Duplicates int64 `json:"duplicates"`
	Settled    int64 `json:"settled"` // keys whose last wanted quantity is acknowledged
	Errors     int64 `json:"errors"`  // requests that were refused or failed, over time
}

// state is the one value that every transaction may write. Its JSON lies under meta "state".
type state struct {
	Counters
	Destination string    `json:"destination"`
	Resending   bool      `json:"resending,omitempty"` // everything is being made pending again, and
	Resent      []byte    `json:"resent,omitempty"`    // this is the key on disk up to which that is done
	Paused      bool      `json:"paused,omitempty"`    // by command
	Reasons     Reasons   `json:"reasons,omitempty"`   // the rejects over time, by their class; never changed in place
	Sources     uint64    `json:"sources,omitempty"`   // the greatest number of a source
	Rev         uint64    `json:"rev"`                 // counts changes of what is last wanted
	Forgot      uint64    `json:"forgot,omitempty"`    // counts keys that were forgotten
	Row         uint64    `json:"row"`                 // the last row of queue or leases
	Export      uint64    `json:"export"`              // the last export's id
	Rank        uint64    `json:"rank"`                // the greatest rank given
	Age         uint64    `json:"age"`                 // the last age given
	Turn        uint64    `json:"turn"`                // requests handed out, for promise 9's every fourth
	Created     time.Time `json:"created"`             // when the data folder began
	LastAck     time.Time `json:"last_ack"`            // when the API acknowledged something last
	Clock       time.Time `json:"clock"`               // of the last Turn that wrote

	Round     Round  `json:"round,omitzero"`      // of sending everything once more
	Setup     string `json:"setup,omitempty"`     // see SetUp
	Forgotten bool   `json:"forgotten,omitempty"` // the ledger was, and nothing has been acknowledged since

	Span    Span `json:"span,omitzero"`     // see history.go
	Counted bool `json:"counted,omitempty"` // Settled is; files of earlier versions had none

	OnlyUPCs bool `json:"only_upcs,omitempty"` // no key of a SKU was ever written; where it is false one may have been

	Identity *identity `json:"identity,omitempty"` // of this file, since an agent has opened it first; never changed in place
	Rebuilt  *Rebuilt  `json:"rebuilt,omitempty"`  // it took the place of one that could not be used any more
}

// sizes decide how work is cut; tests make them small.
type sizes struct {
	large   int64 // updates from which on an export's keys are kept as a named set
	chunk   int   // rows of a chunk of a delta
	block   int   // bytes of a block of the spill
	compact int   // rows of a partition from which on duplicates are settled early
	strays  int   // rows that may differ from a trail before it matters how many are the same
}

var usualSizes = sizes{large: largeExport, chunk: deltaChunk, block: spillBlock, compact: compactAt, strays: 4096}

// Outbox is the open file. Its methods may be called from several goroutines.
type Outbox struct {
	dir   string
	opts  Options
	db    *bbolt.DB
	file  *openedFile
	sizes sizes

	opening Opening // what Open did; not changed after it

	intake sync.Mutex                // held while a look is settled, accepted and applied, and by whatever else changes last wanted quantities
	skus   atomic.Pointer[skuFilter] // nil = it is to be made
	write  sync.Mutex                // held by update, from reading the state until the new one is known
	txns   uint64                    // under write: how many were begun
	broken error                     // under write: a commit failed and nobody knows whether it counts
	mapped mapped                    // under write
	owed   bool                      // it is not known whether the file is in order: the mark stays

	mu    sync.Mutex // guards what follows
	rank  uint64     // the greatest given, though perhaps not committed
	state state      // as committed

	lostTrail string // the file of a trail that could not be read

	leases map[string]*Lease // by key: handed to the drain and not resolved
	blocks map[uint64]int    // lease row -> leases of it not resolved
	// What tells a clock that is set: the first Turn's time in this life, and by how much what waits has followed the clock since.
	begun    time.Time
	followed time.Duration
	hold     int // > 0 while something is accepted and not applied: nothing is leased
	// unresumed: something accepted, or a resend, was interrupted in this life or another, and has not been finished yet.
	unresumed bool
}

// hashOf orders the keys on disk. It is part of the format.
func hashOf(key []byte) uint64 { return xxhash.Sum64(key) }

// diskKey returns hash8 + key.
func diskKey(key []byte) []byte {
	b := make([]byte, 0, 8+len(key))
	return append(binary.BigEndian.AppendUint64(b, hashOf(key)), key...)
}

// Open opens the outbox in the folder dir, or creates it, and brings what a crash left into order. The error wraps
// ErrInUse while another process holds it, ErrNewer where the file's format is not known, ErrDamaged where it is broken.
func Open(dir string, opts Options) (_ *Outbox, err error) {
	path := filepath.Join(dir, fileName)
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the outbox %s: %w", path, err)
		}
	}()
	if err := prepare(dir, path, opts); err != nil {
		return nil, err
	}
	if Unclean(dir) && !opts.Verified {
		if err := sound(path); err != nil {
			return nil, err
		}
	}
	db, file, compacted, err := openCompact(path, opts)
	if err != nil {
		return nil, err
	}
	if opts.Random == nil {
		opts.Random = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	o := &Outbox{dir: dir, opts: opts, db: db, file: &openedFile{file: file, path: path}, opening: Opening{Compaction: compacted}, sizes: usualSizes, leases: map[string]*Lease{}, blocks: map[uint64]int{}}
	o.owed = Unclean(dir) && !opts.Verified
	putSign(dir, !opts.NoSync)
	if err := o.recover(); err != nil {
		if errors.Is(err, ErrDamaged) {
			o.file.hurt.Store(true)
		}
		return nil, errors.Join(err, o.close())
	}
	for _, left := range []string{path + ".tmp", path + ".again.tmp"} {
		_ = os.Remove(left) // of a creation that a power cut ended; mostly there is none, and it is in nobody's way
	}
	return o, nil
}

// fileName is the bbolt file's, in the outbox's folder.
const fileName = "outbox.db"

// sound sees that bbolt can read the file at path, which was not closed in order, without going round in circles.
func sound(path string) error {
	db, file, err := openToRead(path)
	if err != nil {
		return err
	}
	faults, err := structure(context.Background(), file)
	return errs(err, errors.Join(faults...), db.Close())
}

// prepare makes a first outbox where there is none.
func prepare(dir, path string, opts Options) error {
	_, err := os.Stat(path)
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if opts.MustExist {
		return ErrNoOutbox
	}
	return create(dir, path, opts, state{Created: time.Now().UTC(), Destination: opts.Destination, Counted: true, OnlyUPCs: true}, nil)
}

// create makes an outbox that begins with a state, through a temporary file: a power cut during bbolt's own first creation
// leaves a file that panics at every start. away, if any, makes room at path for it; else what lies there stays. Exports
// that were held before are held again.
func create(dir, path string, opts Options, first state, away func() error) error {
	for _, d := range []string{dir, filepath.Join(dir, "spill"), filepath.Join(dir, "named"), filepath.Join(dir, "listed"), filepath.Join(dir, "held")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	err := createAt(dir, path, path+".tmp", opts, first, away)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	// A power cut during an earlier creation has left a damaged one. Windows keeps a file that bbolt had mapped when it gave up
	// until this process ends, so that another name is taken then, and the file goes at a later start.
	if os.Remove(path+".tmp") == nil {
		if err = createAt(dir, path, path+".tmp", opts, first, away); !errors.Is(err, ErrDamaged) {
			return err
		}
	}
	again := path + ".again.tmp"
	if err = createAt(dir, path, again, opts, first, away); errors.Is(err, ErrDamaged) {
		if err = os.Remove(again); err == nil {
			err = createAt(dir, path, again, opts, first, away)
		}
	}
	return err
}

// createAt is create in folders that are there, by way of the file temp. The error wraps ErrDamaged where that is.
func createAt(dir, path, temp string, opts Options, first state, away func() error) error {
	db, file, err := openBolt(temp, bbolt.Options{NoSync: opts.NoSync, NoGrowSync: opts.NoSync}) // its lock also keeps a second creator out
	if err != nil {
		return err
	}
	lock := &openedFile{file: file, path: temp}
	_, err = os.Stat(path)
	there := err == nil
	if there && away == nil { // another process was faster
		return lock.close(db)
	}
	err = lock.run(db.Update, func(tx *bbolt.Tx) error { return begin(tx, dir, first, !there) })
	if err == nil && away != nil {
		err = away()
	}
	if err := errors.Join(diskError(dir, err), lock.close(db)); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// begin fills a new file. With goOn a state that it has already counts: a crash came before it got its name.
func begin(tx *bbolt.Tx, dir string, first state, goOn bool) error {
	for _, name := range allBuckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(keyFormat, sealedFormat()); err != nil {
		return err
	}
	var had state
	if goOn && getJSON(meta, keyState, &had) == nil {
		first = had
	}
	first.Paused = first.Paused || wasPaused(dir)
	if err := adoptHeld(tx, dir, &first); err != nil {
		return err
	}
	return putJSON(meta, keyState, first)
}

// recover checks the format, reads the state, puts leased keys back in doubt and sweeps files that nobody refers to.
func (o *Outbox) recover() error {
	if err := o.upgrade(); err != nil {
		return err
	}
	err := o.view(func(tx *bbolt.Tx) error {
		for _, name := range allBuckets {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w: bucket %s is missing", ErrDamaged, name)
			}
		}
		if n, _ := tx.Bucket(bucketIntakes).Cursor().First(); n != nil {
			o.unresumed = true
		}
		return getJSON(tx.Bucket(bucketMeta), keyState, &o.state)
	})
	if err != nil {
		return err
	}
	if err := errs(o.countSettled(), o.releaseLeases()); err != nil {
		return err
	}
	if err := o.identify(); err != nil {
		return err
	}
	if d := o.opts.Destination; d != "" && d != o.state.Destination {
		err := o.update(func(t *txn) error {
			t.state.Destination, t.state.Forgotten = d, true
			t.state.Resending, t.state.Resent, t.state.Round = true, nil, Round{Began: time.Now().UTC()}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if o.state.Resending {
		o.unresumed = true
	}
	o.noteHeld()
	return errs(o.sweepFolder("spill"), o.sweepFolder("named"), o.sweepFolder("listed"), o.sweepFolder("held"))
}

// countSettled counts what a file of an earlier version has not counted.
func (o *Outbox) countSettled() error {
	if o.state.Counted {
		return nil
	}
	n := int64(0)
	err := o.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketKeys).ForEach(func(k, v []byte) error {
			r, err := parseRecord(k, v)
			if err == nil && r.settled() {
				n++
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return o.update(func(t *txn) error {
		t.state.Settled, t.state.Counted = n, true
		return nil
	})
}

// upgrade makes a file of an older format one of this format, in one transaction. A newer one is left as it is.
func (o *Outbox) upgrade() error {
	var n uint32
	err := o.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			return fmt.Errorf("%w: bucket %s is missing", ErrDamaged, bucketMeta)
		}
		v, err := unseal(keyFormat, meta.Get(keyFormat))
		if err != nil || len(v) != 4 {
			return fmt.Errorf("%w: no format number", ErrDamaged)
		}
		n = binary.BigEndian.Uint32(v)
		return nil
	})
	switch {
	case err != nil || n == format:
		return err
	case n > format:
		return fmt.Errorf("%w: its format is %d, this tillpost knows up to %d", ErrNewer, n, format)
	}
	return o.file.run(o.db.Update, func(tx *bbolt.Tx) error {
		for _, name := range allBuckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keyFormat, sealedFormat())
	})
}

func sealedFormat() []byte { return seal(keyFormat, binary.BigEndian.AppendUint32(nil, format)) }

// closeFile closes a file that was written; durable: so that it, and its name, outlive a power cut.
func closeFile(f *os.File, durable bool) error {
	if !durable {
		return f.Close()
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.Name()))
}

// Close waits for what is under way and closes the file. Leases that were not resolved are in doubt at the next Open.
func (o *Outbox) Close() error {
	o.intake.Lock() // no intake is half way
	defer o.intake.Unlock()
	if err := o.close(); err != nil {
		return fmt.Errorf("close the outbox in %s: %w", o.dir, err)
	}
	return nil
}

// close closes the file. Where anything was wrong with it, outbox.open stays.
func (o *Outbox) close() error {
	o.endMapped()
	if !o.owed && !o.uncertain() && !o.file.hurt.Load() && o.file.present() == nil {
		dropSign(o.dir)
	}
	return o.file.close(o.db)
}

// Dir is the folder of the outbox.
func (o *Outbox) Dir() string { return o.dir }
