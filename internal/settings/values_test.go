package settings

import (
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFlattenShowsEveryKeyOnceInStableOrder(t *testing.T) {
	c := defaults()
	c.Password = "hunter2"
	c.Names = []string{`a"b`, "c\x1b"}
	c.Waits = []Duration{Duration(time.Minute)}
	c.Servers = []server{{Address: "one"}}
	c.Labels = map[string]string{"b": "2", "a b": "1"}
	c.Share = 2
	want := []Value{
		{"state", `"/var/lib/x"`},
		{"listen.agents", `":443"`},
		{"listen.web", `":8443"`},
		{"listen.backlog", "0"},
		{"sync_period", `"5m"`},
		{"names", `["a\"b", "c\U0000001B"]`},
		{"waits", `["1m"]`},
		{"server[0].address", `"one"`},
		{"server[0].timeout", `"0s"`},
		{`labels."a b"`, `"1"`},
		{"labels.b", `"2"`},
		{"password", `"***"`},
		{"enabled", "false"},
		{"level", "0"},
		{"backup", `""`},
		{"memory", `"64MiB"`},
		{"share", "2.0"},
	}
	if got := Flatten(&c); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	c.Password = ""
	for _, v := range Flatten(c) {
		if v.Key == "password" && v.Text != `""` {
			t.Errorf("an empty secret shows as %s", v.Text)
		}
	}
}

func TestDurationsKeepTheirValueThroughText(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute, "0s": 0, "500ms": 500 * time.Millisecond, "10m5s": 605 * time.Second,
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want || d.String() != text {
			t.Errorf("%q: %v, %v, shown as %q", text, time.Duration(d), err, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "nanoseconds"))
		var back Duration
		if err := back.UnmarshalText([]byte(d.String())); err != nil || back != d {
			t.Fatalf("%d became %d, %v", d, back, err)
		}
	})
}

func TestSizesKeepTheirValueThroughText(t *testing.T) {
	for text, want := range map[string]Size{
		"64MiB": 64 << 20, "512KiB": 512 << 10, "2GiB": 2 << 30, "1TiB": 1 << 40, "1000B": 1000, "1000": 1000, "0": 0, "64 MiB": 64 << 20,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "MiB", "1.5GiB", "-1", "+1", "1 000", "64M", "1KB", "0x10", "9223372036854775808"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, s)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Size(rapid.Int64Range(0, math.MaxInt64).Draw(t, "bytes"))
		var back Size
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Fatalf("%d became %d, %v", s, back, err)
		}
	})
}
