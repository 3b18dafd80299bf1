package events_test

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkPage measures pages of a log of 500,000 events: what the server does
// for the newest, an older one, one host's and a text that is rare.
func BenchmarkPage(b *testing.B) {
	w := start(b)
	w.called("web-1")
	for n := range 500 {
		w.took(numbered(n*1000+1, n*1000+1000)...)
	}
	older := "/events"
	for range 5 {
		older = w.Get(older).Attr("a[rel=next]", "href")
	}
	for name, path := range map[string]string{
		"newest": "/events", "older": older, "host": "/events?host=web-1", "rare": "/events?text=tool-77777", "nowhere": "/events?text=nowhere", "hour": "/events?period=1h&kind=process-start",
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			size := 0
			for b.Loop() {
				began := time.Now()
				p := w.Get(path)
				took = append(took, time.Since(began))
				if size = len(p.Body); p.Status != 200 {
					b.Fatal(p.Status, p.Text())
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
