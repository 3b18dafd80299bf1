package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/scripts/emulink"
)

// TestASensorBehindNATIsMeasured has the Sensor's server use an inner address,
// which a NAT hides: first with one outer address for all, then with another one
// for UDP than for TCP.
func TestASensorBehindNATIsMeasured(t *testing.T) {
	t.Parallel()
	l := wanLink(t, emulink.Options{})
	const inner = "10.94.0.1"
	outer, other := l.A.Address.String(), strings.TrimSuffix(l.A.Address.String(), "1")+"3"
	for _, line := range []string{
		fmt.Sprintf("-n %s address add %s/32 dev lo", l.A.Name, inner),
		fmt.Sprintf("-n %s route change %s dev %s src %s", l.A.Name, l.B.Address, device(t, l.A), inner),
		fmt.Sprintf("-n %s route add %s/32 dev %s", l.B.Name, other, device(t, l.B)),
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
	nat := "add table ip nat; add chain ip nat out { type nat hook postrouting priority srcnat; }; add rule ip nat out ip saddr " + inner + " "
	nft(t, l.A, nat+"snat to "+outer)
	n, s := across(t, l)
	status := s.follow(acts.LimitLoss, acts.VerdictOK, time.Minute, nil)
	for _, lane := range status.Lanes {
		if !strings.HasPrefix(lane.Local, inner+":") {
			t.Fatalf("the lane from %s does not pass the NAT", lane.Local)
		}
	}
	if f := status.Quality.Last(time.Minute); f.Lost > 0 || f.Sent < 200 {
		t.Errorf("through a NAT %d of %d packets were lost", f.Lost, f.Sent)
	}

	s.stop()
	nft(t, l.A, "delete table ip nat")
	nft(t, l.A, nat+"meta l4proto udp snat to "+other+"; add rule ip nat out ip saddr "+inner+" snat to "+outer)
	s.start()
	s.becomes(acts.LinkAccepted)
	eventually(t, 2*time.Minute, "the Central Node says where the packets come from", func() bool {
		q := s.row(n).Quality
		return q != nil && q.Verdict == acts.VerdictUnknown && strings.HasPrefix(q.Unmeasured, "Measuring packets arrive from another address than the link's")
	})
	now := read[acts.Link](s, "link", "status")
	if now.State != acts.LinkAccepted || now.Quality.Verdict != acts.VerdictUnknown || !strings.HasPrefix(now.Quality.Unmeasured, "No answer comes by UDP") {
		t.Errorf("the Sensor is %s, its link %s: %q", now.State, now.Quality.Verdict, now.Quality.Unmeasured)
	}
	if lines := s.verdictLines(acts.LimitLoss); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
}

// device is the link's at an end.
func device(t testing.TB, in *emulink.Namespace) string {
	t.Helper()
	out, err := in.Command(t.Context(), "ip", "-o", "-4", "address", "show", "to", in.Address.String()).Output()
	words := strings.Fields(string(out))
	if err != nil || len(words) < 2 {
		t.Fatalf("no device has %s: %v: %s", in.Address, err, out)
	}
	return words[1]
}
