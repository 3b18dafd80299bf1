package health_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"vedette/internal/health"
)

func start(t *testing.T, parts []health.Part, gauges []health.Gauge, counters ...health.Counter) *health.Server {
	t.Helper()
	s, err := health.Listen("127.0.0.1:0", parts, gauges, counters...)
	if err != nil {
		t.Fatal(err)
	}
	run(t, s)
	return s
}

// run serves until the test ends.
func run(t *testing.T, s *health.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func get(t *testing.T, s *health.Server, path string) (int, string) {
	t.Helper()
	r, err := http.Get("http://" + s.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestReadyNamesEveryPartInTrouble(t *testing.T) {
	var disk, link atomic.Value
	disk.Store("")
	link.Store("")
	s := start(t, []health.Part{
		{Name: "disk", Trouble: func() string { return disk.Load().(string) }},
		{Name: "link", Trouble: func() string { return link.Load().(string) }},
	}, nil)
	if code, body := get(t, s, "/readyz"); code != http.StatusOK || body != "ok\n" {
		t.Fatalf("healthy: %d %q", code, body)
	}
	disk.Store("full")
	link.Store("down")
	if code, body := get(t, s, "/readyz"); code != http.StatusServiceUnavailable || body != "disk: full\nlink: down\n" {
		t.Fatalf("in trouble: %d %q", code, body)
	}
	if code, _ := get(t, s, "/livez"); code != http.StatusOK {
		t.Fatalf("alive: %d", code)
	}
}

func TestMetricsAreServedUnderCleanNames(t *testing.T) {
	s := start(t, nil, []health.Gauge{{Name: "hosts", Help: "Hosts that were ever seen.", Read: func() float64 { return 3 }}},
		health.Counter{Name: "ingress_bytes_total", Help: "Bytes read.", Read: func() float64 { return 4 }})
	_, body := get(t, s, "/metrics")
	for _, want := range []string{
		"# TYPE vedette_hosts gauge\nvedette_hosts 3\n",
		"# TYPE vedette_ingress_bytes_total counter\nvedette_ingress_bytes_total 4\n",
	} {
		if !strings.Contains(body, want) {
			t.Fatalf("no %q in\n%s", want, body)
		}
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("names: %v, %v", problems, err)
	}
}

func TestAddressInUseIsAnErrorAndNoAddressIsNone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := health.Listen(taken.Addr().String(), nil, nil); err == nil {
		t.Fatal("an address in use was accepted")
	}
	s, err := health.Listen("", nil, nil)
	if err != nil || s.Addr() != nil || s.Run(t.Context()) != nil || s.Close() != nil {
		t.Fatalf("without an address: %v", err)
	}
}

func TestFamiliesAreToldApartByTheirLabels(t *testing.T) {
	s, err := health.Listen("127.0.0.1:0", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Add(health.Family{Name: "link_loss_ratio", Help: "Share of packets lost.", Labels: []string{"direction"}, Read: func(give func(float64, ...string)) {
		give(0.1, "to")
		give(0.2, "from")
	}}, health.Family{Name: "lane_segments_total", Help: "Segments sent.", Labels: []string{"lane"}, Counter: true, Read: func(give func(float64, ...string)) {
		give(7, "1")
	}})
	run(t, s)
	_, body := get(t, s, "/metrics")
	for _, want := range []string{
		"# TYPE vedette_link_loss_ratio gauge\nvedette_link_loss_ratio{direction=\"from\"} 0.2\nvedette_link_loss_ratio{direction=\"to\"} 0.1\n",
		"# TYPE vedette_lane_segments_total counter\nvedette_lane_segments_total{lane=\"1\"} 7\n",
	} {
		if !strings.Contains(body, want) {
			t.Fatalf("no %q in\n%s", want, body)
		}
	}
}
