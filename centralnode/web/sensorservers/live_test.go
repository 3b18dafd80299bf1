package sensorservers_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/centralnode/web/sensorservers"
	"vedette/internal/acts"
)

func TestTheOpenPageShowsADecisionAndTheLinkComingUp(t *testing.T) {
	w := admintest.Start(t)
	s := w.AskingSensor("branch")
	s.Close()
	browser := pagetest.New(t, func(k *page.Kit) error { return sensorservers.Register(k, w.Admin, time.Now) }, pagetest.Table(w.Node.Sessions()),
		pagetest.With(func(c *page.Config) { c.LiveEvery = 20 * time.Millisecond })).SignedIn(acts.SecurityAuditor)
	server := httptest.NewServer(browser.Handler())
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path(s), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	until := func(want string) {
		t.Helper()
		late := time.AfterFunc(20*time.Second, func() { res.Body.Close() })
		defer late.Stop()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("the page is not told %q: %v", want, lines.Err())
	}
	until("Pending")
	if _, err := w.AcceptSensorServer(t.Context(), admintest.Local(), acts.DecideSensorServer{Which: "branch"}); err != nil {
		t.Fatal(err)
	}
	until("Accepted")
	if err := s.Connect(); err != nil {
		t.Fatal(err)
	}
	until("Connected")
	s.Close()
	if _, err := w.DeleteSensorServer(t.Context(), admintest.Local(), acts.DecideSensorServer{Which: "branch"}); err != nil {
		t.Fatal(err)
	}
	until("event: gone")
}
