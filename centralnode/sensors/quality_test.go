package sensors_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/sensors/sensortest"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/health/healthtest"
	"vedette/internal/machine"
	controlv1 "vedette/proto/control/v1"
)

func say(t *testing.T, s *sensortest.Sensor, q *controlv1.Quality) {
	t.Helper()
	if err := s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_Quality{Quality: q}}); err != nil {
		t.Fatal(err)
	}
}

// server has a Sensor be on the server of the Central Node.
func server(t *testing.T, s *sensortest.Sensor) {
	t.Helper()
	here, err := machine.Here()
	if err != nil {
		t.Fatal(err)
	}
	s.Server = here
}

// lossy is what a Sensor finds of a line that loses a tenth of its packets.
func lossy(verdict controlv1.Judgement_Verdict) *controlv1.Quality {
	f := &controlv1.Figures{
		Sent: 1200, LostTo: 72, LostFrom: 48, Lost: 120, RoundTripP50: 20e6, RoundTripP95: 40e6, RoundTripP99: 60e6, Jitter: 2e6,
		Segments: 1000, Retransmitted: 50, DeliveryRate: 90e6, IngressRate: 10e6, Held: 1e9, SpanRate: 500e6,
	}
	return &controlv1.Quality{
		Copying: true, Capacity: 90e6, CapacityAt: 1_600_000_000,
		Windows: []*controlv1.Quality_Window{{Seconds: 900, Figures: f}, {Seconds: 60, Figures: f}, {Seconds: 10, Figures: f}},
		Judgements: []*controlv1.Judgement{
			{Limit: controlv1.Judgement_LIMIT_LOSS, Verdict: verdict, Since: 1_700_000_000, Value: 0.1, Bound: 0.1, Toward: controlv1.Judgement_VERDICT_EXCEEDED, TowardFor: 4},
			{Limit: controlv1.Judgement_LIMIT_DELAY, Verdict: controlv1.Judgement_VERDICT_OK, Value: 0.04, Bound: 0.1},
			{Limit: controlv1.Judgement_LIMIT_CAPACITY, Verdict: controlv1.Judgement_VERDICT_OK, Value: 90e6, Bound: 75e6},
		},
	}
}

func TestWhatASensorFindsOfItsLinkIsShownAndCounted(t *testing.T) {
	t.Parallel()
	w := start(t, metrics)
	s := w.joined("branch")
	if w.row(s).Quality != nil {
		t.Error("it is shown before it was said")
	}
	say(t, s, lossy(controlv1.Judgement_VERDICT_WARNING))
	eventually(t, "it is shown", func() bool { return w.row(s).Quality != nil })
	q := w.row(s).Quality
	f := acts.Figures{
		Sent: 1200, LostTo: 72, LostFrom: 48, Lost: 120, RoundTripP50: 20 * time.Millisecond, RoundTripP95: 40 * time.Millisecond, RoundTripP99: 60 * time.Millisecond,
		Jitter: 2 * time.Millisecond, Segments: 1000, Retransmitted: 50, DeliveryRate: 90e6, IngressRate: 10e6, Held: time.Second, SpanRate: 500e6,
	}
	want := &acts.LinkQuality{
		Verdict: acts.VerdictWarning, Copying: true, Capacity: 90e6, CapacityAt: time.Unix(1_600_000_000, 0).UTC(),
		Windows: []acts.QualityWindow{{Window: 10 * time.Second, Figures: f}, {Window: time.Minute, Figures: f}, {Window: 15 * time.Minute, Figures: f}},
		Limits: []acts.Judged{
			{Limit: acts.LimitLoss, Verdict: acts.VerdictWarning, Since: time.Unix(1_700_000_000, 0).UTC(), Amount: 0.1, Bound: 0.1, Toward: acts.VerdictExceeded, ToFor: 4 * time.Second},
			{Limit: acts.LimitDelay, Verdict: acts.VerdictOK, Amount: 0.04, Bound: 0.1},
			{Limit: acts.LimitJoint, Verdict: acts.VerdictUnknown},
			{Limit: acts.LimitIngress, Verdict: acts.VerdictUnknown},
			{Limit: acts.LimitCapacity, Verdict: acts.VerdictOK, Amount: 90e6, Bound: 75e6},
		},
	}
	if !reflect.DeepEqual(q, want) {
		t.Errorf("shown\n%+v, want\n%+v", q, want)
	}
	id := trust.SensorID(s.Identity.Fingerprint())
	for name, want := range map[string]float64{
		`vedette_sensor_link_loss_ratio{direction="to",sensor=%q}`:          0.06,
		`vedette_sensor_link_loss_ratio{direction="from",sensor=%q}`:        48.0 / 1128,
		`vedette_sensor_link_round_trip_seconds{percentile="95",sensor=%q}`: 0.04,
		`vedette_sensor_link_retransmission_ratio{sensor=%q}`:               0.05,
		`vedette_sensor_link_verdict{limit="loss",sensor=%q}`:               2,
		`vedette_sensor_link_verdict{limit="joint",sensor=%q}`:              0,
		`vedette_sensor_connected{sensor=%q}`:                               1,
	} {
		if got := w.metric(fmt.Sprintf(name, id)); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if !w.logs.has(`"verdict":"Warning","before":"Not measured","limits":"Packet loss Warning, 10.0 % of 10.0 %"`) {
		t.Error("the log does not say how the link stands")
	}
	s.Close()
	eventually(t, "the Sensor is gone", func() bool { return !w.row(s).Connected })
	if w.row(s).Quality != nil {
		t.Error("what a Sensor found of a link that ended is shown")
	}
	if _, found := w.tryMetric(fmt.Sprintf(`vedette_sensor_link_verdict{limit="loss",sensor=%q}`, id)); found {
		t.Error("and counted")
	}
	if w.metric(fmt.Sprintf(`vedette_sensor_connected{sensor=%q}`, id)) != 0 {
		t.Error("it is counted as connected")
	}
}

func TestEveryMetricPassesPromlint(t *testing.T) {
	t.Parallel()
	w := start(t, metrics)
	s := w.joined("branch")
	if err := behind(s, nil, 1).send(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.validation(true)
	if err := behind(s, nil, 1).send(t.Context()); !refused(err) {
		t.Fatal(err)
	}
	say(t, s, lossy(controlv1.Judgement_VERDICT_OK))
	eventually(t, "it is shown", func() bool { return w.row(s).Quality != nil })
	body := w.scrape()
	for _, name := range []string{
		`vedette_packages_acknowledged_total 1`, `vedette_events_acknowledged_total 1`, `vedette_refused_requests_total{code="no_certificate",door="agent service"} 1`,
		`vedette_sensor_requests{state="accepted"} 1`, `vedette_build_info{version="test"} 1`, `vedette_scan_engine_up{engine="builtin"} 1`,
		`vedette_sensor_policy_behind{sensor=`, `vedette_sensor_ingress_bytes_total{sensor=`, `vedette_administrator_sessions 0`,
	} {
		if !strings.Contains(body, name) {
			t.Errorf("metrics lack %s", name)
		}
	}
	healthtest.Check(t, "Central Node", body)
}

func TestMoreOfALinksQualityThanFitsEndsTheLink(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, q := range map[string]*controlv1.Quality{
		"windows":    {Windows: make([]*controlv1.Quality_Window, 5)},
		"judgements": {Judgements: make([]*controlv1.Judgement, 9)},
		"minutes":    {Minutes: make([]*controlv1.Quality_Minute, 201)},
	} {
		for i := range q.Windows {
			q.Windows[i] = &controlv1.Quality_Window{}
		}
		for i := range q.Judgements {
			q.Judgements[i] = &controlv1.Judgement{}
		}
		for i := range q.Minutes {
			q.Minutes[i] = &controlv1.Quality_Minute{}
		}
		s := w.joined(name)
		say(t, s, q)
		if e := s.AwaitEnd(); e.Code != controlv1.CodeControl || !e.Remote {
			t.Errorf("%s: the link ended with %v", name, e)
		}
	}
}

func TestAPendingSensorsFindingsAreNotKept(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.sensor("waits")
	w.connect(s)
	s.AwaitState(pending)
	now := time.Now().Truncate(time.Minute).Unix()
	q := lossy(controlv1.Judgement_VERDICT_EXCEEDED)
	q.Minutes = []*controlv1.Quality_Minute{{Start: now - 60, Figures: &controlv1.Figures{Sent: 1}}}
	say(t, s, q)
	if err := s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_Report{Report: &controlv1.Report{IngressBytes: 1}}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what it says while it waits is read", func() bool { return w.row(s).IngressBytes == 1 })
	w.accept(s)
	s.AwaitState(accepted)
	q.Minutes[0].Start -= 60
	say(t, s, q)
	eventually(t, "what it says later is kept", func() bool { return len(w.minutes(s)) > 0 })
	if kept := w.minutes(s); len(kept) != 1 || kept[0].Start.Unix() != now-120 {
		t.Errorf("minutes %+v", kept)
	}
	w.stop() // and the Sensor does not come back
	w = startWith(t, w.config, w.logs)
	if kept := w.minutes(s); len(kept) != 1 || kept[0].Start.Unix() != now-120 {
		t.Errorf("after a restart, without the Sensor: %+v", kept)
	}
	moveTo(w, s)
	w.connect(s)
	s.AwaitState(accepted)
	say(t, s, q)
	eventually(t, "it speaks again", func() bool { return w.row(s).Quality != nil })
	w.reject(s)
	if w.row(s).Quality != nil {
		t.Error("the findings of a rejected Sensor are shown")
	}
	w.remove(s)
	if err := s.AwaitEnd(); err.Code != controlv1.CodeDeleted {
		t.Errorf("%v", err)
	}
	w.connect(s)
	s.AwaitState(pending)
	if kept := w.minutes(s); len(kept) != 0 {
		t.Errorf("a Sensor that was deleted left %+v", kept)
	}
}

// TestASensorOfAVersionThatDoesNotMeasureIsNamed has one that is connected, and
// says everything but what it finds of its link.
func TestASensorOfAVersionThatDoesNotMeasureIsNamed(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := start(t, metrics, func(c *centralnode.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	old, present := w.joined("old"), w.joined("present")
	if row := w.row(old); row.Mute || row.Unreported() != "not reported now; a Sensor does so every few seconds" {
		t.Errorf("at once: %t, %q", row.Mute, row.Unreported())
	}
	report := &controlv1.FromSensor{Message: &controlv1.FromSensor_Report{Report: &controlv1.Report{IngressBytes: 1}}}
	ahead.Store(int64(2 * time.Minute)) // of waiting for Accept, say
	for _, s := range []*sensortest.Sensor{old, present} {
		if err := s.Say(report); err != nil {
			t.Fatal(err)
		}
	}
	say(t, present, lossy(controlv1.Judgement_VERDICT_OK))
	eventually(t, "what both say is shown", func() bool { return w.row(present).Quality != nil && w.row(old).IngressBytes == 1 })
	if w.row(old).Mute {
		t.Error("it is said of one that began to report just now")
	}
	ahead.Store(int64(4 * time.Minute))
	row := w.row(old)
	if want := "not reported: its version (" + row.Version + ") does not measure its link yet; update the Sensor"; !row.Mute || row.Version == "" || row.Unreported() != want {
		t.Errorf("%q, want %q", row.Unreported(), want)
	}
	if row := w.row(present); row.Mute || row.Quality != nil || row.Unreported() != "not reported now; a Sensor does so every few seconds" {
		t.Errorf("one that spoke before: %t, %q", row.Mute, row.Unreported())
	}
	// What docs/alerts.yml asks for: connected, and no verdict.
	id := trust.SensorID(old.Identity.Fingerprint())
	if w.metric(fmt.Sprintf(`vedette_sensor_connected{sensor=%q}`, id)) != 1 {
		t.Error("it is not counted as connected")
	}
	if _, found := w.tryMetric(fmt.Sprintf(`vedette_sensor_link_verdict{limit="loss",sensor=%q}`, id)); found {
		t.Error("it has a verdict")
	}
}

func (w *world) minutes(s *sensortest.Sensor) []acts.QualityMinute {
	w.t.Helper()
	all, err := w.Admin().SensorHistory(w.t.Context(), local, in(s).Which, acts.ViewHistory{})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestMinutesOfAWrongClockAreLeftOutAndSaid(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("late")
	say(t, s, &controlv1.Quality{Minutes: []*controlv1.Quality_Minute{{Start: time.Now().Truncate(time.Minute).Add(10 * time.Minute).Unix()}}})
	clock := func() bool {
		return strings.Contains(w.row(s).Problem, "Its clock and that of the Central Node differ")
	}
	eventually(t, "the clocks are a problem", clock)
	say(t, s, &controlv1.Quality{Minutes: []*controlv1.Quality_Minute{{Start: time.Now().Truncate(time.Minute).Add(-time.Minute).Unix()}}})
	eventually(t, "they are none any more", func() bool { return !clock() })
	if kept := w.minutes(s); len(kept) != 1 {
		t.Errorf("minutes %+v", kept)
	}
}

func TestTheLogHasAVerdictOncePerChangeAndAFewAMinute(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("flaps")
	for range 3 {
		say(t, s, lossy(controlv1.Judgement_VERDICT_EXCEEDED))
	}
	for i := range 100 {
		verdict := controlv1.Judgement_VERDICT_OK
		if i%2 == 1 {
			verdict = controlv1.Judgement_VERDICT_EXCEEDED
		}
		say(t, s, lossy(verdict))
	}
	last := lossy(controlv1.Judgement_VERDICT_OK)
	last.Copying = false
	say(t, s, last)
	eventually(t, "all is read", func() bool { q := w.row(s).Quality; return q != nil && !q.Copying })
	if n := w.logs.count("stands differently against the limits"); n < 2 || n > 6 {
		t.Errorf("%d lines", n)
	}
}

func TestTheLogNamesALimitThatJoinsAnother(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("small")
	small := lossy(controlv1.Judgement_VERDICT_OK)
	small.Judgements[2].Verdict = controlv1.Judgement_VERDICT_WARNING
	say(t, s, small)
	eventually(t, "the small channel is in the log", func() bool { return w.logs.count("Channel capacity Warning, ") == 1 })
	both := lossy(controlv1.Judgement_VERDICT_WARNING)
	both.Judgements[2].Verdict = controlv1.Judgement_VERDICT_WARNING
	say(t, s, both)
	eventually(t, "the loss is in the log too", func() bool {
		return w.logs.count("Packet loss Warning, 10.0 % of 10.0 %; Channel capacity Warning, ") == 1
	})
}
