package main

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

func TestFiltersOfHostsReachTheNodeAsTyped(t *testing.T) {
	fake := newFakeAdmin()
	exit := newCommand(fake, "1", slog.New(slog.DiscardHandler), time.Now)(t.Context(), acts.Actor{}, []string{
		"host", "list", "--host", "a b", "--name", "n", "--address", "192.", "--os", "deb", "--agent-version", "1.", "--activity", "critical", "--way", "direct", "--sort", "-last-contact", "--offset", "5", "--limit", "7",
	}, sshd.Streams{Out: io.Discard, Err: io.Discard})
	want := acts.HostFilter{
		Text: "a b", Name: "n", Address: "192.", OS: "deb", Version: "1.", Activity: acts.CriticalInactivity, Way: "direct", Sort: "-last-contact", Offset: 5, Limit: 7,
	}
	if got := fake.hosts.filter; exit != 0 || got != want {
		t.Errorf("exit %d, filter %+v, want %+v", exit, got, want)
	}
}

func TestHostCommandsSayWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		args string
		exit int
		says string
	}{
		{"host list --activity asleep", 2, "the words are normal, warning and critical"},
		{"host list --sort color", 2, "they can by name, address, os, version, activity, last-contact, way"},
		{"host list --limit -1", 2, "cannot be negative"},
		{"host show nobody", 3, "there is no such host"},
		{"host activity --warning soon", 2, "--warning"},
	} {
		var errs bytes.Buffer
		exit := newCommand(newFakeAdmin(), "1", slog.New(slog.DiscardHandler), time.Now)(t.Context(), acts.Actor{}, strings.Fields(tt.args), sshd.Streams{Out: io.Discard, Err: &errs})
		if exit != tt.exit || !strings.Contains(errs.String(), tt.says) {
			t.Errorf("%s: exit %d, %q", tt.args, exit, errs.String())
		}
	}
}

func TestThresholdsOfActivityAreShownSetAndPreviewed(t *testing.T) {
	fake := newFakeAdmin()
	fake.hosts.thresholds = acts.ActivityThresholds{Warning: 7, Critical: 30}
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if exit := newCommand(fake, "1", slog.New(slog.DiscardHandler), time.Now)(t.Context(), acts.Actor{}, append([]string{"host", "activity"}, args...), sshd.Streams{Out: &out, Err: io.Discard}); exit != 0 {
			t.Fatalf("%q: exit %d", args, exit)
		}
		return out.String()
	}
	if got := run(); got != "Warning after 7 days without contact, Critical inactivity after 30\n" {
		t.Errorf("shown: %q", got)
	}
	if got := run("--warning", "3", "--dry-run"); !strings.Contains(got, "Warning: 3 hosts (now: 4).") || fake.hosts.thresholds.Warning != 7 {
		t.Errorf("previewed: %q, then %+v", got, fake.hosts.thresholds)
	}
	if got := run("--warning", "3"); !strings.HasPrefix(got, "Warning after 3 days without contact, Critical inactivity after 30") {
		t.Errorf("set: %q", got)
	}
	if want := (acts.ActivityThresholds{Warning: 3, Critical: 30, Revision: 7}); fake.hosts.thresholds != want {
		t.Errorf("kept %+v, want %+v", fake.hosts.thresholds, want)
	}
	if got := run("-o", "json"); !strings.Contains(got, `"warning_days": 3`) || !strings.Contains(got, `"critical_days": 30`) {
		t.Errorf("as JSON: %q", got)
	}
}

func TestOneHostIsShown(t *testing.T) {
	var out bytes.Buffer
	exit := newCommand(newFakeAdmin(), "1", slog.New(slog.DiscardHandler), time.Now)(t.Context(), acts.Actor{}, []string{"host", "show", "0a"}, sshd.Streams{Out: &out, Err: io.Discard})
	for _, says := range []string{`web\u{202e}1`, "192.0.2.1", "fd00::1", "Debian 12", "01:01:01", "Normal activity", "two installations use this id", "2 events dropped: queue full"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("exit %d, without %q:\n%s", exit, says, out.String())
		}
	}
}
