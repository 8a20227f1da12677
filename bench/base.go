package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

// baseSpec is a base to measure: the least that the work costs on this machine.
type baseSpec struct {
	Name      string    `json:"name"`
	File      string    `json:"file"`      // an export, or bbolt's
	Catalogue catalogue `json:"catalogue"` // what is in it, or is to be
}

// baseDone is how long it took, once the process was there and the file in the page cache.
type baseDone struct {
	Took  time.Duration `json:"took"`
	Count int           `json:"count"` // of lines, records or keys
}

var bases = map[string]func(baseSpec) (int, error){
	"csv":        readCSV,
	"scan":       func(s baseSpec) (int, error) { return scanLines(s.File, false) },
	"split":      func(s baseSpec) (int, error) { return scanLines(s.File, true) },
	"bbolt":      insertAscending,
	"bbolt-walk": walkRows,
}

// baseRole measures one base in a process of its own, so that none inherits another's heap.
func baseRole(in *json.Decoder, out *json.Encoder) error {
	var spec baseSpec
	if err := in.Decode(&spec); err != nil {
		return err
	}
	base, ok := bases[spec.Name]
	if !ok {
		return fmt.Errorf("there is no base %q", spec.Name)
	}
	start := time.Now()
	n, err := base(spec)
	if err != nil {
		return err
	}
	return out.Encode(baseDone{time.Since(start), n})
}

// base measures one base.
func (b *bench) base(ctx context.Context, spec baseSpec) (time.Duration, error) {
	var done baseDone
	if _, err := ask(ctx, "base", spec, &done); err != nil {
		return 0, err
	}
	if want := spec.Catalogue.Rows; done.Count != want && done.Count != want+1 {
		return 0, fmt.Errorf("%s counted %d rows, want %d", spec.Name, done.Count, want)
	}
	return done.Took, nil
}

// readCSV reads the file with encoding/csv and does nothing with it.
func readCSV(s baseSpec) (n int, err error) {
	f, err := os.Open(s.File)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 64<<10))
	r.ReuseRecord = true
	for {
		_, err := r.Read()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n++
	}
}

// scanLines finds each line's end, and with split each of its commas: less than that no reading can do.
func scanLines(path string, split bool) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 256<<10)
	fields := make([][]byte, 0, 32)
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n++
		if !split {
			continue
		}
		fields = fields[:0]
		for at := bytes.IndexByte(line, ','); at >= 0; at = bytes.IndexByte(line, ',') {
			fields, line = append(fields, line[:at]), line[at+1:]
		}
		if len(fields) != 9 {
			return n, fmt.Errorf("line %d has %d commas, want 9", n, len(fields))
		}
	}
}

const (
	perTransaction = 10_000
	valueSize      = 34 // about what a record is
)

// appendKey appends a key of the size that the agent's have: the place, which ascends, and the UPC with its store.
func appendKey(dst []byte, c catalogue, i int) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(i))
	dst = appendUPC(dst, i/c.Stores)
	dst = append(dst, 0)
	return strconv.AppendInt(dst, int64(firstStore+i%c.Stores), 10)
}

// insertAscending puts all keys into a new bbolt file, in ascending order, each transaction flushed.
func insertAscending(s baseSpec) (n int, err error) {
	db, err := bbolt.Open(s.File, 0o600, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var value [valueSize]byte
	for at := 0; at < s.Catalogue.Rows; at += perTransaction {
		err := db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("keys"))
			for i := at; i < min(at+perTransaction, s.Catalogue.Rows) && err == nil; i++ {
				binary.BigEndian.PutUint64(value[:], uint64(s.Catalogue.quantity(i)))
				err = bucket.Put(appendKey(make([]byte, 0, 32), s.Catalogue, i), value[:])
				n++
			}
			return err
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// walkRows walks over a bbolt file of all keys, which is there already.
func walkRows(s baseSpec) (n int, err error) {
	db, err := bbolt.Open(s.File, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("keys")).ForEach(func(_, _ []byte) error { n++; return nil })
	})
	return n, err
}
