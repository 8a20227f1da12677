package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"tillpost/api"
)

// BenchmarkPost posts one update after the other to a server on this machine, in turns by a Line and by a bare net/http
// loop that reads each answer and asks nothing more. bare/post is how much of the bare loop's speed the line has, by the
// median call, and bare/post-mean by the mean, into which whatever else this machine does goes.
func BenchmarkPost(b *testing.B) {
	for name, answer := range map[string]string{"empty": "", "ok": `{"ok":true,"sku":"ZOOT-SUIT"}`} {
		b.Run(name, func(b *testing.B) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				io.WriteString(w, answer)
			}))
			defer s.Close()
			c := open(b, options(s.URL)).Line(b.Context())
			defer c.Close()
			bare := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
			defer bare.CloseIdleConnections()
			body := []byte(updateBody)
			var post, loop []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				if a := c.Post(update); a.Verdict != api.Acknowledged {
					b.Fatalf("got %+v", a)
				}
				middle := time.Now()
				if err := postBare(b, bare, s.URL, body); err != nil {
					b.Fatal(err)
				}
				post, loop = append(post, middle.Sub(start)), append(loop, time.Since(middle))
			}
			b.ReportMetric(float64(median(loop))/float64(median(post)), "bare/post")
			b.ReportMetric(float64(sum(loop))/float64(sum(post)), "bare/post-mean")
		})
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func sum(d []time.Duration) (total time.Duration) {
	for _, one := range d {
		total += one
	}
	return total
}

func postBare(b *testing.B, c *http.Client, url string, body []byte) error {
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// BenchmarkOnly tells the two apart in profiles and in allocations.
func BenchmarkOnly(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer s.Close()
	b.Run("post", func(b *testing.B) {
		c := open(b, options(s.URL)).Line(b.Context())
		defer c.Close()
		b.ReportAllocs()
		for b.Loop() {
			c.Post(update)
		}
	})
	b.Run("bare", func(b *testing.B) {
		c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
		b.ReportAllocs()
		for b.Loop() {
			postBare(b, c, s.URL, []byte(updateBody))
		}
	})
}
