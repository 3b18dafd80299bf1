package certificates_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/internal/acts"
	"vedette/pki"
)

// BenchmarkPage makes the page with 15,000 certificates and hosts. The aim is
// 50 ms at the 95th percentile.
func BenchmarkPage(b *testing.B) {
	w := crowd(b)
	for name, query := range map[string]string{
		"newest": "", "last page": "?from=14950", "filtered": "?fingerprint=ab&serial=12", "matches none": "?fingerprint=" + "abababababababab",
		"by last seen": "?sort=-seen", "by expiry": "?sort=expires",
	} {
		b.Run(name, func(b *testing.B) {
			var bytes int
			percentiles(b, func() {
				answer := httptest.NewRecorder()
				w.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(b.Context(), http.MethodGet, front+query, nil))
				bytes = answer.Body.Len()
			})
			b.ReportMetric(float64(bytes), "B/page")
		})
	}
}

// BenchmarkPreview makes what the windows show.
func BenchmarkPreview(b *testing.B) {
	w := crowd(b)
	list := w.list()
	var page []pki.Fingerprint
	for _, c := range list.Certificates[:50] {
		page = append(page, c.Fingerprint)
	}
	for name, preview := range map[string]func() (acts.Preview, error){
		"validation on": func() (acts.Preview, error) {
			return w.PreviewSetValidation(b.Context(), admintest.Local(), acts.SetValidation{On: true})
		},
		"delete 50": func() (acts.Preview, error) {
			return w.PreviewDeleteAgentCertificates(b.Context(), admintest.Local(), acts.DeleteAgentCertificates{Fingerprints: page})
		},
		"generate": func() (acts.Preview, error) {
			return w.PreviewGenerateServerCertificate(b.Context(), admintest.Local(), acts.GenerateServerCertificate{})
		},
	} {
		b.Run(name, func(b *testing.B) {
			percentiles(b, func() {
				if _, err := preview(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// percentiles measures each turn by itself.
func percentiles(b *testing.B, turn func()) {
	turn() // the first look after a start reads the state file
	var all []time.Duration
	for b.Loop() {
		began := time.Now()
		turn()
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*95/100].Microseconds())/1000, "p95-ms")
}
