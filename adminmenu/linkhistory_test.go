package adminmenu

import (
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

func TestTheHistoryOfALinkByQuarterHoursAndMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		f.measuredFor(3 * time.Hour)
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.button("History")
		d.at("Link history")
		d.expect("> 1999-12-31 23:45 0.1 % 20.0 ms 21.5 ms [##........] OK", "1999-12-31 22:45 13.3 % 20.0 ms 1234.0 ms [##########]##+ Exceeded", "1999-12-31 22:30 - - - not measured -")
		d.golden("link-history")
		d.press("down", "down", "down", "down", "enter")
		d.at("Quarter hour")
		d.expect("From 1999-12-31 22:45:00 UTC for 15 min", "0.1 % to and 13.3 % from the Central Node, of 18000 packets", "p99 24.0 ms, jitter 0.30 ms",
			"0.5 %, delivery rate 518.5 Mbit/s", "250 Mbit/s, held back for 10.5 s", "1999-12-31 22:59 13.3 %")
		d.golden("link-history-quarter")
		d.press("esc", "down", "enter")
		d.expect("From 1999-12-31 22:30:00 UTC", "Incoming 1 kbit/s")
		d.refuse("Packet loss")
		d.press("esc", "esc")
		d.at("Link state")
	})
}

func TestTheHistoryIsLoadedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		d := atLinkState(t, sensor(fakeSensor{f}))
		d.button("History")
		d.expect("Nothing was measured yet")
		d.wait(30 * time.Second)
		if n := f.called("LinkHistory"); n != 1 {
			t.Errorf("asked %d times in half a minute", n)
		}
		f.measuredFor(20 * time.Minute)
		d.wait(time.Minute)
		d.expect("1999-12-31 23:45", "1999-12-31 23:30")
		f.failing("LinkHistory", &acts.Error{Code: acts.Unavailable, Text: "the history cannot be read", Hint: "look at the log"})
		d.wait(time.Minute)
		d.expect("the history cannot be read", "1999-12-31 23:45")
	})
}

func TestTheHistoryOfASensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		f.measuredFor(time.Hour)
		d := atSensor(t, f, 0)
		d.press("h")
		d.at("Link history")
		d.expect("What this Sensor measured of its link", "1999-12-31 23:45 0.1 %")
		f.change(func(f *fake) {
			if f.historyOf != f.servers[0].Fingerprint.String() {
				t.Errorf("asked for the Sensor %q", f.historyOf)
			}
		})
		d.press("esc")
		d.at("Sensor server")
	})
}

func TestQualityOfASensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fleet()
		d := atSensor(t, f, 0)
		d.expect("Link quality not reported now; a Sensor does so every few seconds")
		f.change(func(f *fake) { f.servers[0].Mute = true })
		d.wait(2 * time.Second)
		d.expect("does not measure its link yet", "update the Sensor")
		f.change(func(f *fake) { q := worse(); f.servers[0].Quality = &q })
		d.wait(2 * time.Second)
		d.expect("State Accepted", "Link connected; 0 lanes, round trip not measured; quality Exceeded", "Packet loss Exceeded 12.3 % 10.0 %")
		d.golden("sensor-server-exceeded")
		f.change(func(f *fake) {
			q := worse()
			q.Limits[0].Toward, q.Limits[0].ToFor = acts.VerdictWarning, 7*time.Second
			f.servers[0].Quality = &q
		})
		d.wait(2 * time.Second)
		d.expect("Packet loss Exceeded 12.3 % 10.0 %", "better for 7 s")
		d.press("pgdn")
		d.expect("Ask for the line")
		d.press("end")
		d.expect("Last 10 s 1 min 15 min", "- from the Central Node", "Capacity 413.2 Mbit/s")
		d.press("esc")
		d.at("Sensor servers")
		d.expect("192.0.2.1 branch-1 Remote Accepted 06:4E:57:31… 12 exceeded")
		f.change(func(f *fake) { f.servers[0].Connected = false })
		d.wait(2 * time.Second)
		d.refuse("exceeded")
		d.press("enter")
		d.refuse("Packet loss")
	})
}

func TestTheLinkOnAPlainTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.linked()
		f.measuredFor(2 * time.Hour)
		f.change(func(f *fake) { f.link.Quality = worse() })
		in := sensor(fakeSensor{f})
		in.terminal.Name = "vt100"
		d := atLinkState(t, in)
		d.golden("vt100-link-state")
		d.button("History")
		d.golden("vt100-link-history")
		if d.screen.beyond > 0 {
			t.Errorf("%d bytes beyond ASCII", d.screen.beyond)
		}
	})
}
