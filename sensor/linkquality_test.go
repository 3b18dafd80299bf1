package sensor_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/reflector"
	"vedette/internal/acts"
	"vedette/internal/health/healthtest"
	"vedette/internal/machine"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/sensor"
	"vedette/sensor/uplink/uplinktest"
)

// TestTheLinkIsMeasuredShownAndReported goes over real sockets, from the
// session that a Central Node hands out to what it is told.
func TestTheLinkIsMeasuredShownAndReported(t *testing.T) {
	reflects, err := reflector.New(reflector.Config{Address: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- reflects.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	shown := pkitest.Agent(t, "central")
	node := uplinktest.Listen(t, uplinktest.Options{Certificate: shown, Server: machine.Digest{1}})
	c := config(t, io.Discard)
	c.Quality = sensor.Quality{SpanInterfaces: []string{"lo", "nosuch0"}, ChannelCapacityMbit: 80}
	s, _ := run(t, c)
	if _, err := s.Admin().SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: node.Addr(), Fingerprint: shown.Fingerprint()}); err != nil {
		t.Fatal(err)
	}
	joined := node.Sensor()
	session, key, port := reflects.Add(netip.MustParseAddr("127.0.0.1"))
	joined.Say(&controlv1.FromCentralNode{Message: &controlv1.FromCentralNode_Measure{Measure: &controlv1.Measure{Key: key[:], Session: uint32(session), Port: uint32(port)}}})
	for told := false; !told; {
		select {
		case said := <-joined.Said:
			w := said.GetQuality().GetWindows()
			told = len(w) == 3 && w[0].GetFigures().GetSent() >= 40 && w[0].GetFigures().GetLost() == 0 && w[0].GetFigures().GetRoundTripP50() > 0 && w[0].GetFigures().GetSegments() > 0
		case <-time.After(patience):
			t.Fatal("nothing is reported of the link")
		}
	}
	l, err := s.Admin().Link(t.Context(), local)
	if err != nil || len(l.Quality.Windows) != 3 || l.Quality.Windows[2].Sent < 40 || l.Quality.Capacity != 80e6 || len(l.Quality.Limits) != 5 {
		t.Errorf("the link's quality %+v, %v", l.Quality, err)
	}
	if text := strings.Join(l.Warnings, "\n"); !strings.Contains(text, "There is no interface nosuch0") || strings.Contains(text, "interface lo") {
		t.Errorf("warnings %q", l.Warnings)
	}

	_, body := get(t, s, "/metrics")
	healthtest.Check(t, "Sensor", body)
	for _, line := range []string{
		`vedette_link_packet_loss_ratio{window="10s"} 0`, `vedette_link_packet_loss_by_direction_ratio{direction="to",window="15m"} 0`,
		`vedette_link_packet_delay_seconds{percentile="95",window="1m"} `, `vedette_link_packet_jitter_seconds{window="1m"} `,
		`vedette_link_retransmission_ratio{window="1m"} `, `vedette_link_lane_segments_total{lane="small1"} `, `vedette_link_lane_retransmitted_segments_total{lane="small1"} `,
		`vedette_link_verdict{limit="loss"} `, `vedette_link_verdict{limit="capacity"} 0`, `vedette_link_channel_capacity_bytes_per_second 1e+07`,
		`vedette_link_packets_total `, `vedette_link_lost_packets_total 0`, `vedette_link_lost_packets_by_direction_total{direction="from"} 0`,
		`vedette_ingress_held_seconds_total 0`, `vedette_sign_in_attempts_total{result="wrong",secret="password"} 0`, `vedette_span_bytes_total `, `vedette_link_warnings `, `vedette_state_writable 1`, `vedette_build_info{version="test"} 1`,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("metrics lack %s", line)
		}
	}
}

func TestALinkWithoutMeasuringSaysWhy(t *testing.T) {
	shown := pkitest.Agent(t, "central")
	node := uplinktest.Listen(t, uplinktest.Options{Certificate: shown, Server: machine.Digest{1}})
	s, _ := run(t, config(t, io.Discard))
	says := func(want string) {
		t.Helper()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.After(patience); ; {
			l, err := s.Admin().Link(t.Context(), local)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(l.Quality.Unmeasured, want) {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("says %q, want %q", l.Quality.Unmeasured, want)
			}
		}
	}
	says("There is no link that carries agents")
	if _, err := s.Admin().SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: node.Addr(), Fingerprint: shown.Fingerprint()}); err != nil {
		t.Fatal(err)
	}
	becomes(t, s, acts.LinkAccepted)
	says("`[stamp] listen` is off")
}

func TestQualityThatCannotBeIsRefused(t *testing.T) {
	for says, q := range map[string]sensor.Quality{
		"no name of an interface": {SpanInterfaces: []string{"."}},
		"17 SPAN interfaces":      {SpanInterfaces: strings.Fields(strings.Repeat("eth1 ", 17))},
		"channel capacity of -1":  {ChannelCapacityMbit: -1},
		"is not an address like":  {Reflector: "reflector:0"},
	} {
		c := config(t, io.Discard)
		c.Quality = q
		if _, err := sensor.New(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestAlertsNameMetricsThatExist reads docs/alerts.yml beside what both daemons
// and the Go runtime serve.
func TestAlertsNameMetricsThatExist(t *testing.T) {
	raw, err := os.ReadFile("../docs/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := run(t, config(t, io.Discard))
	code, served := get(t, s, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("metrics %d", code)
	}
	known := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^# HELP (\w+) `).FindAllStringSubmatch(served, -1) {
		known[m[1]] = true
	}
	// A family without a number now is not served, and the Central Node's are not
	// here: their names are where they are made.
	named := regexp.MustCompile(`(?:Name: |family\()"([a-z_]+)"`)
	for _, pattern := range []string{"*.go", "../centralnode/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range named.FindAllSubmatch(source, -1) {
				known["vedette_"+string(m[1])] = true
			}
		}
	}
	// A Sensor that never says what it finds of its link has no verdict at all,
	// which no rule about verdicts sees.
	if !regexp.MustCompile(`expr: vedette_sensor_connected == 1 unless on \(instance, sensor\) vedette_sensor_link_verdict\{limit="loss"\} > 0\n`).Match(raw) {
		t.Error("no alert is about a connected Sensor without a verdict on its loss")
	}
	used := regexp.MustCompile(`\b(?:vedette|go|process)_[a-z_]+\b`).FindAll(raw, -1)
	for _, name := range used {
		if !known[string(name)] {
			t.Errorf("%s is no metric", name)
		}
	}
	if alerts := bytes.Count(raw, []byte("- alert: ")); alerts < 10 || len(used) < alerts || bytes.Count(raw, []byte("summary: ")) != alerts || bytes.Count(raw, []byte("description: ")) != alerts {
		t.Errorf("%d alerts, %d metrics used", alerts, len(used))
	}
}
