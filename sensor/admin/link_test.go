package admin_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
	"vedette/proto/link"
	"vedette/sensor/proxy"
	"vedette/sensor/uplink"
)

func TestLinkShowsTheLinkAndWhatAgentsSend(t *testing.T) {
	w := start(t)
	l, err := w.Link(t.Context(), officer)
	if err != nil || l.State != acts.LinkUnconfigured || l.Lanes == nil || l.RTT != 0 || l.LinkIdentity != identity || l.Ingress.Limit != 1e9 {
		t.Fatalf("look %+v, %v", l, err)
	}
	w.link.look = uplink.Look{
		Lanes: []acts.Lane{{Class: "small"}}, Warnings: []string{"no\x1b[2J BBR"}, PolicyRevision: 5, Validation: true,
		Stats: link.Stats{Streams: 3, Lanes: 1, Retained: 4096, RTT: time.Millisecond},
	}
	w.link.say(uplink.State{Link: acts.LinkAccepted})
	w.found.set(acts.LinkQuality{Verdict: acts.VerdictOK})
	w.found.warnings = []string{"eth\x1b[2J9 is missing"}
	w.count(proxy.Counts{Agents: 3, Strangers: 2, Refused: 4, IngressBytes: 5, Rate: 6, Held: true})
	l, err = w.Link(t.Context(), officer)
	want := acts.Ingress{Agents: 3, Strangers: 2, Refused: 4, Bytes: 5, Rate: 6, Limit: 1e9, Held: true}
	if err != nil || l.State != acts.LinkAccepted || l.Ingress != want || l.Streams != 3 || l.RetainedBytes != 4096 || l.RTT != time.Millisecond ||
		l.PolicyRevision != 5 || !l.Validation || len(l.Lanes) != 1 || len(l.Warnings) != 2 || strings.Contains(strings.Join(l.Warnings, ""), "\x1b") || l.Quality.Verdict != acts.VerdictOK || l.Time != w.now {
		t.Errorf("look %+v, %v", l, err)
	}
}

func TestAWatchIsGivenEachChangeAndWhatMoves(t *testing.T) {
	w := start(t) // its state file is no part of the bubble below
	synctest.Test(t, func(t *testing.T) {
		w.link.changed = make(chan struct{})
		looks := make(chan acts.Link)
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- w.WatchLink(ctx, officer, func(l acts.Link) bool { looks <- l; return true })
		}()
		if first := <-looks; first.State != acts.LinkUnconfigured {
			t.Errorf("first look %+v", first)
		}
		began := time.Now()
		w.link.say(uplink.State{Link: acts.LinkPending})
		if l := <-looks; l.State != acts.LinkPending || time.Since(began) != 0 {
			t.Errorf("%v after the change: %+v", time.Since(began), l)
		}
		w.count(proxy.Counts{IngressBytes: 7})
		if l := <-looks; l.Ingress.Bytes != 7 || time.Since(began) > time.Second {
			t.Errorf("%v after bytes moved: %+v", time.Since(began), l)
		}
		for _, q := range []acts.LinkQuality{
			{Verdict: acts.VerdictWarning},
			{Verdict: acts.VerdictWarning, Limits: []acts.Judged{{Limit: acts.LimitLoss, Verdict: acts.VerdictWarning}}},
			{Verdict: acts.VerdictWarning, Copying: true},
			{Verdict: acts.VerdictWarning, Windows: []acts.QualityWindow{{Figures: acts.Figures{Sent: 1}}}},
		} {
			began = time.Now()
			w.found.set(q)
			if l := <-looks; l.Quality.Verdict != q.Verdict || l.Quality.Copying != q.Copying || time.Since(began) > time.Second {
				t.Errorf("%v after the link's quality changed to %+v: %+v", time.Since(began), q, l.Quality)
			}
		}
		select {
		case l := <-looks:
			t.Errorf("nothing moved, and still: %+v", l)
		case <-time.After(time.Minute):
		}
		leave()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAWatchEndsWithItsReader(t *testing.T) {
	w := start(t)
	looks := 0
	if err := w.WatchLink(t.Context(), officer, func(acts.Link) bool { looks++; return false }); err != nil || looks != 1 {
		t.Errorf("%d looks, %v", looks, err)
	}
}

func TestStatusNamesWhatNeedsAPerson(t *testing.T) {
	w := start(t)
	s, err := w.Status(t.Context(), officer)
	if err != nil || s.Daemon != "sensor" || s.Address != "192.0.2.7:443" || s.Certificate.Fingerprint.IsZero() || s.StoreID == "" || s.Revision == 0 || s.Started != w.now {
		t.Fatalf("status %+v, %v", s, err)
	}
	if s.SSH.Address != "192.0.2.7:22" || !strings.HasPrefix(s.SSH.HostKey, "SHA256:") || s.SSH.Sessions != 0 {
		t.Errorf("the SSH door: %+v", s.SSH)
	}
	if len(s.Problems) != 1 || s.Problems[0] != "No agent is carried: Unconfigured. No Central Node is configured. Configure one." {
		t.Errorf("problems %q", s.Problems)
	}
	w.link.look = uplink.Look{Warnings: []string{"The kernel refused BBR."}}
	w.link.say(uplink.State{Link: acts.LinkAccepted})
	if s, err = w.Status(t.Context(), officer); err != nil || len(s.Problems) != 1 || s.Problems[0] != "The kernel refused BBR." {
		t.Errorf("problems %q, %v", s.Problems, err)
	}
	w.count(proxy.Counts{Held: true})
	w.found.set(acts.LinkQuality{Limits: []acts.Judged{{Limit: acts.LimitLoss, Verdict: acts.VerdictExceeded, Amount: 0.12, Bound: 0.1}}})
	w.mu.Lock()
	w.reason = "the disk is full"
	w.mu.Unlock()
	if s, err = w.Status(t.Context(), officer); err != nil || len(s.Problems) != 4 || !strings.HasPrefix(s.Problems[0], "The state file takes no writes: the disk is full") ||
		!strings.HasPrefix(s.Problems[1], "Packet loss: Exceeded, 12.0 % of 10.0 %.") || s.Problems[3] != "The ingress limit holds agents back now." {
		t.Errorf("problems %q, %v", s.Problems, err)
	}
	w.found.set(acts.LinkQuality{Limits: []acts.Judged{{Limit: acts.LimitIngress, Verdict: acts.VerdictWarning}}})
	if s, err = w.Status(t.Context(), officer); err != nil || len(s.Problems) != 3 {
		t.Errorf("the ingress limit is said twice: %q, %v", s.Problems, err)
	}
}
