package sensorservers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/centralnode/admin/admintest"
	"vedette/internal/acts"
)

// aDay is what a Sensor measured in the day before now.
func aDay() []acts.QualityMinute { return admintest.Measured(now) }

// measured is a Sensor that reports a line which is beyond one limit and near
// another.
func measured(n int) acts.SensorServer {
	s := sensor(n)
	s.Connected, s.Lanes, s.RTT, s.Agents = true, 4, 23*time.Millisecond, 12
	q := admintest.Worst(now)
	s.Quality = &q
	return s
}

func TestEveryLimitIsShownWithItsVerdictAndWhatToDo(t *testing.T) {
	s := measured(0)
	p := table{servers: []acts.SensorServer{s}, minutes: aDay()}.browser(t).Get(pathOf(s.Fingerprint))
	for i, want := range [][]string{
		{"Packet loss Exceeded since 2026-11-22 12:58:30 UTC 15.9 % at most 10.0 % Ask for the line between the two servers", "At most 10 % of the packets"},
		{"Packet delay Warning since 2026-11-22 12:59:00 UTC 97.3 ms at most 100.0 ms Look at the way between the two servers"},
		{"Loss and delay together Exceeded", "159.2 % at most 100.0 %", "nearer to its limit"},
		{"Incoming traffic OK", "25.25 Mbit/s at most 200 Mbit/s", "Agents may send up to 200 Mbit/s into this Sensor"},
		{"Channel capacity Not measured - at least 15 % of SPAN", "sensor link test"},
	} {
		rows := p.All("#quality tbody tr")
		if len(rows) != 5 {
			t.Fatalf("%d limits:\n%s", len(rows), p.Text())
		}
		for _, part := range want {
			if !strings.Contains(rows[i].Text(), part) {
				t.Errorf("%q is not in %s", part, rows[i].Text())
			}
		}
	}
	if said := p.Find("#quality [data-say]").Text(); said != "Exceeded Packet loss" {
		t.Errorf("it is said %q", said)
	}
	for shape, verdict := range map[string]string{"bad": "Exceeded", "waiting": "Warning", "good": "OK", "off": "Not measured"} {
		if !p.Has("#quality .badge."+shape) || !strings.Contains(p.Find("#quality tbody .badge."+shape).Text(), verdict) {
			t.Errorf("%s has not the shape and colour %s", verdict, shape)
		}
	}
	if figures := p.Find("#figures").Text(); !strings.Contains(figures, "10 s 1 min 15 min Packet loss 15.9 % 15.9 % 15.9 % to the Central Node 10.6 %") {
		t.Errorf("the windows: %s", figures)
	}
	if !strings.Contains(p.Find("#link").Text(), "Copies on, small frames go on two lanes") {
		t.Error(p.Find("#link").Text())
	}
}

func TestWhatIsNotMeasuredSaysWhyOnThePage(t *testing.T) {
	for name, c := range map[string]struct {
		set       func(*acts.SensorServer)
		all, loss string
	}{
		"down":    {func(s *acts.SensorServer) { s.Connected = false }, "Not measured The link is down: nothing", ""},
		"silent":  {func(s *acts.SensorServer) { s.Quality = nil }, "Not measured The Sensor does not say now", ""},
		"old":     {func(s *acts.SensorServer) { s.Quality, s.Mute, s.Version = nil, true, "1.0" }, "Not measured Its version 1.0 does not measure its link yet: update the Sensor.", ""},
		"told":    {func(s *acts.SensorServer) { s.Quality = &acts.LinkQuality{Unmeasured: "No reflector runs."} }, "Not measured Documented", "No reflector runs. "},
		"blocked": {func(s *acts.SensorServer) { s.Quality = &acts.LinkQuality{} }, "Not measured Documented", "On the Sensor, sensor link status says why. "},
	} {
		s := measured(0)
		c.set(&s)
		p := table{servers: []acts.SensorServer{s}}.browser(t).Get(pathOf(s.Fingerprint))
		rows := p.All("#quality tbody tr")
		if !strings.Contains(p.Find("#quality").Text(), c.all) || len(rows) != 5 {
			t.Errorf("%s: %s", name, p.Find("#quality").Text())
			continue
		}
		if want := "Packet loss Not measured - at most 10.0 % " + c.loss; !strings.HasPrefix(rows[0].Text(), want) || !strings.Contains(rows[0].Text(), "At most 10 % of the packets") {
			t.Errorf("%s: %s", name, rows[0].Text())
		}
	}
	s := sensor(0)
	s.State = acts.Pending
	p := table{servers: []acts.SensorServer{s}}.browser(t).Get(pathOf(s.Fingerprint))
	for _, id := range []string{"quality", "figures", "history"} {
		if _, hidden := p.Find("#" + id).Attr["hidden"]; !hidden {
			t.Errorf("%s is shown of a Sensor that waits for Accept", id)
		}
	}
}

func TestWhereAFigureGoesAndWhatTheChannelCarriesIsShown(t *testing.T) {
	s := measured(0)
	l := s.Quality.Limits
	l[0].Toward, l[0].ToFor = acts.VerdictOK, 41*time.Second
	l[1].Amount = 0.1004
	s.Quality.Capacity, s.Quality.CapacityAt = 1_098_000, now.Add(-time.Hour)
	p := table{servers: []acts.SensorServer{s}}.browser(t).Get(pathOf(s.Fingerprint))
	rows := p.All("#quality tbody tr")
	for i, want := range map[int]string{
		0: "15.9 % at most 10.0 % better for 41 s Ask for the line",
		1: "100.4 ms at most 100.0 ms The figure is within the tolerance of 1.0 ms, and not beyond the limit. Look at the way",
		4: "The SPAN traffic is not known",
	} {
		if !strings.Contains(rows[i].Text(), want) {
			t.Errorf("%q is not in %s", want, rows[i].Text())
		}
	}
	if link := p.Find("#link").Text(); !strings.Contains(link, "Channel 1.098 Mbit/s, measured 2026-11-22 12:00:00 UTC") {
		t.Error(link)
	}
	s.Quality.CapacityAt = time.Time{}
	p = table{servers: []acts.SensorServer{s}}.browser(t).Get(pathOf(s.Fingerprint))
	if link := p.Find("#link").Text(); !strings.Contains(link, "Channel 1.098 Mbit/s, as configured") {
		t.Error(link)
	}
}

func TestTheServerListShowsLinksQuality(t *testing.T) {
	down := measured(1)
	down.Connected = false
	p := table{servers: []acts.SensorServer{measured(0), down}}.browser(t).Get("/sensor-servers")
	rows := p.All("tbody tr")
	if want := "Connected 4 lanes Exceeded Packet loss 15.9 % 97.3 ms p95"; !strings.Contains(rows[0].Text(), want) {
		t.Errorf("%q is not in %s", want, rows[0].Text())
	}
	if want := "last contact 3 hours ago - - - 12 -"; !strings.Contains(rows[1].Text(), want) {
		t.Errorf("%q is not in %s", want, rows[1].Text())
	}
}

func TestTheHistoryIsDrawnOverThePeriodOfTheAddress(t *testing.T) {
	s := measured(0)
	b := table{servers: []acts.SensorServer{s}, minutes: aDay()}.browser(t)
	p := b.Get(pathOf(s.Fingerprint))
	day := p.Find("#history").Text()
	for _, want := range []string{"The last 24 hours", "OK 20 h 5 min, Warning 30 min, Exceeded 1 h 25 min, Not measured 2 h.", "Limit 10 %", "Limit 100 ms", "Limit 200 Mbit/s", "lowest and the highest value of each 10 minutes"} {
		if !strings.Contains(day, want) {
			t.Errorf("no %q in %s", want, day)
		}
	}
	if n := len(p.All("#history figure svg[role=img]")); n != 4 {
		t.Errorf("%d charts", n)
	}
	if d := p.Attr("#history g.s1 path", "d"); strings.Count(d, "M") != 2 {
		t.Errorf("two hours without link are no gap: %s", d)
	}
	p = p.Click("1 hour")
	if !strings.HasSuffix(p.Path, "?period=1h") || !strings.Contains(p.Find("#history").Text(), "The last hour") || p.Find("#history a[aria-current]").Text() != "1 hour" {
		t.Errorf("%s: %s", p.Path, p.Find("#history").Text())
	}
	if strings.Contains(p.Find("#history").Text(), "lowest and the highest") {
		t.Error("an hour is thinned")
	}
	if p = p.Click("24 hours"); p.Path != pathOf(s.Fingerprint) {
		t.Error(p.Path)
	}
	if p = b.Get(pathOf(s.Fingerprint) + "?period=%22%3E%3Cscript%3E"); !strings.Contains(p.Find("#history").Text(), "The last 24 hours") {
		t.Error(p.Find("#history").Text())
	}
	empty := table{servers: []acts.SensorServer{s}}.browser(t).Get(pathOf(s.Fingerprint)).Find("#history").Text()
	if strings.Count(empty, "Nothing was measured in this time.") != 4 || !strings.Contains(empty, "Not measured 24 h.") {
		t.Error(empty)
	}
}

// most is how large a page with a full history may be: with style sheet and
// script, which are 29 KiB, no more than 100.
const most = 70 << 10

func TestAnyNumbersOfASensorMakeAPage(t *testing.T) {
	word := rapid.SampledFrom([]acts.Verdict{"", "x", acts.VerdictUnknown, acts.VerdictOK, acts.VerdictWarning, acts.VerdictExceeded})
	figures := rapid.Custom(func(t *rapid.T) acts.Figures {
		n, d := rapid.Uint64(), rapid.Map(rapid.Int64(), func(n int64) time.Duration { return time.Duration(n) })
		return acts.Figures{
			Sent: n.Draw(t, "sent"), Lost: n.Draw(t, "lost"), LostTo: n.Draw(t, "to"), LostFrom: n.Draw(t, "from"), Segments: n.Draw(t, "segments"), Retransmitted: n.Draw(t, "again"),
			RoundTripP50: d.Draw(t, "p50"), RoundTripP95: d.Draw(t, "p95"), RoundTripP99: d.Draw(t, "p99"), Jitter: d.Draw(t, "jitter"), Held: d.Draw(t, "held"),
			IngressRate: n.Draw(t, "ingress"), DeliveryRate: n.Draw(t, "delivery"), SpanRate: n.Draw(t, "span"),
		}
	})
	amount := rapid.Float64Range(0, 1e15)
	sensors := []acts.SensorServer{measured(0)}
	good := aDay()[1000:1100]
	shown := table{servers: sensors, minutes: slices.Clone(good)}
	browser := shown.browser(t)
	rapid.Check(t, func(t *rapid.T) {
		s := measured(0)
		for i := range s.Quality.Limits {
			j := &s.Quality.Limits[i]
			j.Verdict, j.Amount, j.Bound = word.Draw(t, "verdict"), amount.Draw(t, "amount"), amount.Draw(t, "bound")
			j.Since = time.Unix(rapid.Int64().Draw(t, "since"), 0)
		}
		for i := range s.Quality.Windows {
			s.Quality.Windows[i].Figures = figures.Draw(t, "window")
		}
		sensors[0] = s
		copy(shown.minutes, good)
		for range 10 {
			m := &shown.minutes[rapid.IntRange(0, len(good)-1).Draw(t, "minute")]
			m.Figures, m.Verdict = figures.Draw(t, "figures"), word.Draw(t, "verdict")
		}
		p := browser.Get(pathOf(s.Fingerprint))
		text := p.Text()
		if p.Status != 200 || len(p.Body) > most {
			t.Fatalf("%d, %d bytes:\n%.2000s", p.Status, len(p.Body), text)
		}
		for _, wrong := range []string{"NaN", "Inf", "%!", "did not work"} {
			if strings.Contains(text, wrong) {
				t.Fatalf("%s on the page:\n%s", wrong, text)
			}
		}
	})
}

func TestAPageWithADayOfHistoryIsSmall(t *testing.T) {
	s := measured(0)
	b := table{servers: []acts.SensorServer{s}, minutes: aDay()}.browser(t)
	for _, period := range []string{"", "?period=6h", "?period=1h"} {
		if n := len(b.Get(pathOf(s.Fingerprint) + period).Body); n > most {
			t.Errorf("%s: %d bytes", period, n)
		}
	}
}

// BenchmarkSensorPage makes the page of one of 15 Sensors that measured for a
// day.
func BenchmarkSensorPage(b *testing.B) {
	t := table{minutes: aDay()}
	for n := range 15 {
		t.servers = append(t.servers, measured(n))
	}
	browser := t.browser(b)
	for b.Loop() {
		browser.Get(pathOf(t.servers[7].Fingerprint))
	}
}
