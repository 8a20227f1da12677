package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// blastSpec is what a bare client posts.
type blastSpec struct {
	URL         string    `json:"url"`
	Catalogue   catalogue `json:"catalogue"`
	Concurrency int       `json:"concurrency"`
}

// blastRole posts each row's body once: what any client written with net/http could do at the best that stores nothing,
// decides nothing and judges no answer.
func blastRole(in *json.Decoder, out *json.Encoder) error {
	var spec blastSpec
	if err := in.Decode(&spec); err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConns: spec.Concurrency, MaxIdleConnsPerHost: spec.Concurrency, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var next atomic.Int64
	var group sync.WaitGroup
	failed := make([]error, spec.Concurrency)
	for worker := range spec.Concurrency {
		group.Go(func() {
			var body []byte
			for i := int(next.Add(1)) - 1; i < spec.Catalogue.Rows && failed[worker] == nil; i = int(next.Add(1)) - 1 {
				body = spec.Catalogue.appendBody(body[:0], i)
				failed[worker] = postOnce(client, spec.URL, body)
			}
		})
	}
	group.Wait()
	return errors.Join(errors.Join(failed...), out.Encode(struct{}{}))
}

func postOnce(client *http.Client, url string, body []byte) error {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}

// blasted is what a run of blast came to.
type blasted struct {
	rate float64       // requests a second, as the sink saw them
	cpu  time.Duration // of a request
}

// blast lets a bare client post a catalogue to the sink.
func (b *bench) blast(ctx context.Context, spec sinkSpec, concurrency int) (r blasted, err error) {
	if err := b.sink.reset(spec); err != nil {
		return r, err
	}
	var done struct{}
	cpu, err := ask(ctx, "blast", blastSpec{b.sink.URL + apiPath, spec.Catalogue, concurrency}, &done, "GOGC="+strconv.Itoa(b.o.gogc))
	if err != nil {
		return r, err
	}
	seen, err := b.sink.count()
	if err != nil {
		return r, err
	}
	if n := int64(spec.Catalogue.Rows); seen.Requests != n || seen.Keys != n {
		return r, fmt.Errorf("blast posted %d requests for %d keys, want %d of both", seen.Requests, seen.Keys, n)
	}
	return blasted{rate: seen.rate(), cpu: cpu / time.Duration(spec.Catalogue.Rows)}, nil
}
