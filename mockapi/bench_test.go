package mockapi_test

import (
	"net/http"
	"strconv"
	"testing"

	"tillpost/mockapi"
)

// BenchmarkListener is a request over a real socket, by eight clients at once.
func BenchmarkListener(b *testing.B) {
	s := mockapi.New(mockapi.Options{Token: "secret"})
	url, client := listen(b, s)
	transport := client.Transport.(*http.Transport)
	transport.DisableKeepAlives, transport.MaxIdleConnsPerHost = false, 64
	b.ReportAllocs()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do(b, transport, request(b.Context(), b, url, suit))
		}
	})
}

// BenchmarkMillionKeys is the memory and time of a million keys, each told twice.
func BenchmarkMillionKeys(b *testing.B) {
	for b.Loop() {
		s := mockapi.New(mockapi.Options{})
		transport := s.Transport()
		for n := range 2_000_000 {
			do(b, transport, request(b.Context(), b, "", `{"upc":"`+strconv.Itoa(n%1_000_000)+`","store":"3","quantity":1}`))
		}
		if got := s.Counters(); got.Keys != 1_000_000 {
			b.Errorf("got %d keys", got.Keys)
		}
	}
}
