package e2e

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/internal/acts"
	"vedette/scripts/emulink"
)

// nft gives nft(8) a line in a namespace.
func nft(t testing.TB, in *emulink.Namespace, line string) {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Fatal("nft is not installed; scripts/need.sh nftables installs it")
	}
	if out, err := in.Command(t.Context(), "nft", line).CombinedOutput(); err != nil {
		t.Fatalf("nft %s: %v: %s", line, err, out)
	}
}

// verdictLines are the changes of a limit's verdict that the Sensor's log has.
func (s *sensor) verdictLines(limit acts.LimitName) (all []string) {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var said struct{ Msg, Limit, Before, Verdict string }
		if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "link quality" && said.Limit == string(limit) {
			all = append(all, said.Before+" became "+said.Verdict)
		}
	}
	return all
}

// verdictRecords are those that its trail has, the oldest first.
func (s *sensor) verdictRecords(limit acts.LimitName) (all []string) {
	s.t.Helper()
	for _, r := range read[[]acts.AuditRecord](s, "audit", "list", "--act", "link verdict") {
		if slices.Equal(r.Subject, []string{string(limit)}) {
			change, _, _ := strings.Cut(r.Detail, ":")
			all = append(all, change)
		}
	}
	return all
}

// judgedAs is how the Sensor judges a limit.
func judgedAs(q acts.LinkQuality, limit acts.LimitName) acts.Verdict {
	for _, j := range q.Limits {
		if j.Limit == limit {
			return j.Verdict
		}
	}
	return ""
}

// follow looks at the link until a limit has a verdict, at each look calls what
// must hold meanwhile, and returns the last one.
func (s *sensor) follow(limit acts.LimitName, verdict acts.Verdict, within time.Duration, holds func(acts.Link)) acts.Link {
	s.t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(within); ; <-tick.C {
		l := read[acts.Link](s, "link", "status")
		if holds != nil {
			holds(l)
		}
		if judgedAs(l.Quality, limit) == verdict {
			return l
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s is not %s within %v:\n%s", limit, verdict, within, s.must("link", "status"))
		}
	}
}

// way is an emulated link that changes.
type way struct{ *emulink.Link }

// TestALinkThatChangesIsJudgedAsItChanges has real daemons on two emulated
// links: one that loses 12 % for a while, and one that a firewall closes for UDP
// and opens again.
func TestALinkThatChangesIsJudgedAsItChanges(t *testing.T) {
	t.Parallel()
	d := emulink.Direction{Delay: 10 * time.Millisecond}
	lossy, closed := &way{wanLink(t, emulink.Options{Forth: d, Back: d})}, &way{wanLink(t, emulink.Options{Forth: d, Back: d})}
	var validating errgroup.Group
	for _, l := range []*way{lossy, closed} {
		validating.Go(func() error { return validated(t.Context(), l.Link) })
	}
	if err := validating.Wait(); err != nil {
		t.Fatal(err)
	}
	_, s := across(t, lossy.Link)
	n, behind := across(t, closed.Link)
	s.follow(acts.LimitLoss, acts.VerdictOK, time.Minute, nil)
	before := behind.follow(acts.LimitLoss, acts.VerdictOK, time.Minute, nil)

	lossy.lose(t, 0.12)
	nft(t, closed.B, "add table ip firewall; add chain ip firewall in { type filter hook input priority 0; }; add rule ip firewall in meta l4proto udp drop")
	behind.staysUnjudged(n, closed, before)
	worst := s.follow(acts.LimitLoss, acts.VerdictExceeded, 3*time.Minute, nil)
	if problems := worst.Quality.Problems(); !slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, "Packet loss: Exceeded, ") }) {
		t.Errorf("what to do: %q", problems)
	}

	lossy.lose(t, 0)
	nft(t, closed.B, "delete table ip firewall")
	behind.isMeasuredAgain()
	s.follow(acts.LimitLoss, acts.VerdictOK, 3*time.Minute, nil)
	s.toldEachChangeOnce()
}

// lose has so many round trips lost from now on.
func (w *way) lose(t testing.TB, share float64) {
	t.Helper()
	o := w.Options()
	o.Forth.Loss = 1 - math.Sqrt(1-share)
	o.Back.Loss = o.Forth.Loss
	if err := w.Set(o); err != nil {
		t.Fatal(err)
	}
}

// toldEachChangeOnce holds the log and the trail against the way from OK to
// Exceeded and back, which may pass Warning.
func (s *sensor) toldEachChangeOnce() {
	s.t.Helper()
	lines := s.verdictLines(acts.LimitLoss)
	known := false
	for _, up := range [][]string{{"OK became Warning", "Warning became Exceeded"}, {"OK became Exceeded"}} {
		for _, down := range [][]string{{"Exceeded became Warning", "Warning became OK"}, {"Exceeded became OK"}} {
			known = known || slices.Equal(lines, slices.Concat(up, down))
		}
	}
	if !known {
		s.t.Errorf("the log has %q", lines)
	}
	var records []string
	eventually(s.t, 10*time.Second, "the trail has as much as the log", func() bool {
		records = s.verdictRecords(acts.LimitLoss)
		return len(records) >= len(lines)
	})
	if !slices.Equal(records, lines) {
		s.t.Errorf("the trail has %q, the log %q", records, lines)
	}
}

// staysUnjudged: that nothing is answered by UDP is said at both ends, is no
// fault of the line, and leaves the lanes alone.
func (s *sensor) staysUnjudged(n *node, l *way, before acts.Link) {
	s.t.Helper()
	lanes := func(l acts.Link) (all []string) {
		for _, lane := range l.Lanes {
			all = append(all, lane.Local+" to "+lane.Remote)
		}
		slices.Sort(all)
		return all
	}
	said := ""
	now := s.follow(acts.LimitLoss, acts.VerdictUnknown, 2*time.Minute, func(now acts.Link) {
		if v := judgedAs(now.Quality, acts.LimitLoss); v.Worse(acts.VerdictOK) {
			s.t.Errorf("loss is %s on a clean line", v)
		}
		if now.State != acts.LinkAccepted || !slices.Equal(lanes(now), lanes(before)) {
			s.t.Errorf("the link is %s with lanes %q, before it was %s with %q", now.State, lanes(now), before.State, lanes(before))
		}
		if u := now.Quality.Unmeasured; u != "" && judgedAs(now.Quality, acts.LimitLoss) == acts.VerdictOK {
			said = u // beside the verdict, while nobody knows yet
		}
	})
	want := "No answer comes by UDP from " + l.B.Address.String()
	if !strings.HasPrefix(said, want) || !strings.HasPrefix(now.Quality.Unmeasured, want) || now.Quality.Verdict != acts.VerdictUnknown {
		s.t.Errorf("in all %s; said %q and then %q, want %q", now.Quality.Verdict, said, now.Quality.Unmeasured, want)
	}
	eventually(s.t, time.Minute, "the Central Node shows the same", func() bool {
		q := s.row(n).Quality
		return q != nil && q.Verdict == acts.VerdictUnknown && strings.HasPrefix(q.Unmeasured, "No measuring packet of the Sensor arrives")
	})
}

// isMeasuredAgain: a minute after the way was opened the figures are there, and
// nothing of the silence is in them.
func (s *sensor) isMeasuredAgain() {
	s.t.Helper()
	now := s.follow(acts.LimitLoss, acts.VerdictOK, time.Minute, nil)
	for _, w := range now.Quality.Windows {
		if w.Lost > 0 {
			s.t.Errorf("of a clean line %d of %d packets were lost within %v", w.Lost, w.Sent, w.Window)
		}
	}
	for _, limit := range acts.Limits() {
		if lines := s.verdictLines(limit); len(lines) > 0 {
			s.t.Errorf("the log has %s: %q", limit, lines)
		}
	}
}
