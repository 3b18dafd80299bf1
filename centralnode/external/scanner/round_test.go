package scanner_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/alerts"
	"vedette/centralnode/external/scanner"
	"vedette/centralnode/scan"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
)

// brittle rooms fail while broken.
type brittle struct {
	scanner.Scans
	alertsAfter
	broken *atomic.Bool
}

var errFull = &scan.StorageError{Text: "the disk is full", Full: true}

func (b brittle) Begin(system string) (*scan.Upload, error) {
	if b.broken.Load() {
		return nil, errFull
	}
	return b.Scans.Begin(system)
}

func (b brittle) States(system, instance string, anyInstance bool, want []scan.State) []scan.Scan {
	if b.broken.Load() {
		return nil
	}
	return b.Scans.States(system, instance, anyInstance, want)
}

func (b brittle) Status(ctx context.Context) acts.ScanStatus {
	return acts.ScanStatus{Degraded: b.broken.Load(), Reason: "it is broken"}
}

func (b brittle) Delete(ctx context.Context, k scan.Key) error {
	if b.broken.Load() {
		return errFull
	}
	return b.Scans.Delete(ctx, k)
}

func (b brittle) Deletion(system, instance string, anyInstance bool) (*scan.Deletion, error) {
	if b.broken.Load() {
		return nil, errFull
	}
	return b.Scans.Deletion(system, instance, anyInstance)
}

func (b brittle) After(ctx context.Context, after int64, technologies []string, limit int) ([]alerts.Alert, error) {
	if b.broken.Load() {
		return nil, errFull
	}
	return b.alertsAfter.After(ctx, after, technologies, limit)
}

// TestEveryDescribedAnswerIsGiven goes through what the description has of this
// package: each operation, and each of its answers.
func TestEveryDescribedAnswerIsGiven(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	w := open(t, options{
		limits: scan.Limits{MaxObjectSize: 1 << 20, InFlightPerSystem: 2},
		api:    func(a *scanner.API) { a.SetTimes(300*time.Millisecond, time.Second) },
		scans:  func(next scanner.Scans) scanner.Scans { return brittle{Scans: next, broken: &broken} },
		alerts: func(next alertsAfter) alertsAfter { return brittle{alertsAfter: next, broken: &broken} },
	})
	s, stranger, nobody := w.system("mail-1"), w.stranger("mail-2"), w.stranger("a%20b")
	operations := map[string]func(s *system, query string) answer{
		"submitScan":     func(s *system, query string) answer { return s.submit(query, object, part{"scanId", "", "1"}) },
		"deleteScans":    func(s *system, query string) answer { return s.call(http.MethodDelete, "scans"+query) },
		"deleteScan":     func(s *system, query string) answer { return s.call(http.MethodDelete, "scans/1"+query) },
		"getScanStates":  func(s *system, query string) answer { return s.get("scans/state" + query) },
		"getScanFilters": func(s *system, query string) answer { return s.get("scans/filters" + query) },
		"getDetects":     func(s *system, query string) answer { return s.get("detects" + query) },
	}
	for _, do := range operations {
		do(nobody, "")   // 400
		do(stranger, "") // 401
	}
	s.get("scans/state")                   // 204
	s.call(http.MethodDelete, "scans/one") // 404
	s.call(http.MethodDelete, "scans")     // 404
	for _, name := range []string{"submitScan", "getScanStates", "getScanFilters", "getDetects", "deleteScan"} {
		operations[name](s, "") // 200
	}
	operations["submitScan"](s, "")
	s.submit("", wicked, part{"scanId", "", "1"}) // 409
	contentType, body, _ := formAround(t, 2<<20)
	s.post("", contentType, body) // 413
	slow := s.raw()
	slow.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked") + "10000\r\n" + rawPart)
	if _, _, err := slow.answer(); err != nil { // 408
		t.Error(err)
	}
	s.settled("")
	w.scanning.shut()
	for i := range 3 {
		s.submit("", object, part{"scanId", "", fmt.Sprint("busy", i)}) // 429
	}
	w.scanning.open()
	s.call(http.MethodDelete, "scans") // 200
	broken.Store(true)
	for _, do := range operations {
		do(s, "") // 503
	}
	s.decide(trust.Rejected)

	elsewhere := []string{
		"getDetects 429", "getScanStates 429", "deleteScan 429", // TestOneSystemCannotHoldManyListsOpen
		"getScanFilters 503", // when a request to integrate cannot be kept
	}
	var names []string
	for name := range operations {
		names = append(names, name)
	}
	missing := slices.DeleteFunc(w.exchanges.Missing(names...), func(answer string) bool { return slices.Contains(elsewhere, answer) })
	if len(missing) > 0 {
		t.Errorf("not answered: %s\n%v", strings.Join(missing, ", "), w.exchanges.Counts())
	}
}
