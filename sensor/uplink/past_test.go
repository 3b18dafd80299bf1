package uplink

import (
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/sensor/uplink/uplinktest"
)

func TestAPolicyThatGoesBackIsTakenAndToldUntilAHigherOneComes(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	revisions := make(chan uint64, 1)
	n := uplinktest.Listen(t, uplinktest.Options{Certificate: pair, Server: there, Answer: func(s *uplinktest.Sensor) {
		s.Accept(&controlv1.Policy{StoreID: "store", Revision: <-revisions})
	}})
	revisions <- 68
	r := run(t, target(n, pair), options{})
	told := func() string {
		for _, w := range r.Look().Warnings {
			if strings.Contains(w, "went back") {
				return w
			}
		}
		return ""
	}
	for i, c := range []struct {
		revision uint64 // over a new link
		warning  string
		lines    int // of the log in all
	}{
		{68, "", 0},
		{60, "from revision 68 to 60: was it restored from a backup? Withdrawals since then do not hold.", 1},
		{60, "from revision 68 to 60:", 1},
		{61, "from revision 68 to 60:", 1},
		{59, "from revision 68 to 59:", 2},
		{68, "from revision 68 to 59:", 2},
		{69, "", 2},
	} {
		if i > 0 {
			revisions <- c.revision
		}
		s := n.Sensor()
		r.await(acts.LinkAccepted)
		if taken := s.Taken(); taken.GetVersion().GetRevision() != c.revision {
			t.Errorf("took %v, want %d", taken, c.revision)
		}
		poll(t, func() bool { return r.Look().PolicyRevision == c.revision })
		if w := told(); (w == "") != (c.warning == "") || !strings.Contains(w, c.warning) {
			t.Errorf("revision %d: warns %q", c.revision, w)
		}
		if lines := strings.Count(r.log.String(), "level=WARN msg=\"the Central Node's policy went back"); lines != c.lines {
			t.Errorf("revision %d: %d lines in the log, want %d", c.revision, lines, c.lines)
		}
		s.Link.Close(link.CodeShutdown, "")
		r.await(acts.LinkUnreachable)
	}
}

func TestThePolicyOfAnotherStoreDoesNotGoBack(t *testing.T) {
	var p past
	for _, policy := range []controlv1.Policy{{StoreID: "a", Revision: 68}, {StoreID: "b", Revision: 1}} {
		if p.take(&policy) || p.warning() != "" {
			t.Errorf("store %s: %q", policy.StoreID, p.warning())
		}
	}
	if !p.take(&controlv1.Policy{StoreID: "b"}) || p.warning() == "" {
		t.Error("revision 0 after 1 is no step back")
	}
}
