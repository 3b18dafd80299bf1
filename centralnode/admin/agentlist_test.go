package admin_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
)

// sync has a host of a name heard with a certificate.
func (w *world) sync(p *pki.Pair, n int, name string) {
	w.t.Helper()
	_, err := w.agent(p).Sync(w.t.Context(), &agentv1.SyncRequest{AgentId: fmt.Sprintf("%032x", n), QueueId: fmt.Sprintf("%032x", n), Host: &agentv1.Host{Name: name}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestListIsGivenInPartsAndOrders(t *testing.T) {
	w := start(t)
	var made []pki.Fingerprint // in the order in which they were added
	for i := range 5 {
		pair := pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.NotAfter = c.NotAfter.AddDate(0, 0, -i) })
		if _, err := w.UploadAgentCertificates(t.Context(), local, []acts.UploadAgentCertificate{{Name: "a.pem", PEM: pair.EncodePEM()}}); err != nil {
			t.Fatal(err)
		}
		made = append(made, pair.Fingerprint())
		if i == 3 {
			w.sync(pair, 1, "host-1")
			w.sync(pair, 2, "host-2")
		}
	}
	oldest, soonest, seen := slices.Clone(made), slices.Clone(made), []pki.Fingerprint{made[0], made[1], made[2], made[4], made[3]}
	slices.Reverse(soonest)
	reversed := func(in []pki.Fingerprint) []pki.Fingerprint {
		out := slices.Clone(in)
		slices.Reverse(out)
		return out
	}
	for by, want := range map[acts.AgentCertificateSort][]pki.Fingerprint{
		"": oldest, "added": oldest, "-added": reversed(oldest), "expires": soonest, "-expires": reversed(soonest), "seen": seen, "-seen": reversed(seen),
	} {
		for offset := range 7 {
			for limit := range 4 {
				list, err := w.AgentCertificates(t.Context(), local, acts.AgentCertificateFilter{Sort: by, Offset: offset, Limit: limit})
				if err != nil || list.Total != 5 || list.Matching != 5 {
					t.Fatalf("%q: %d of %d, %v", by, list.Matching, list.Total, err)
				}
				part := want[min(offset, 5):]
				if limit > 0 {
					part = part[:min(limit, len(part))]
				}
				var got []pki.Fingerprint
				for _, c := range list.Certificates {
					got = append(got, c.Fingerprint)
				}
				if !slices.Equal(got, part) {
					t.Errorf("sorted by %q, %d from %d on: %v, want %v", by, limit, offset, got, part)
				}
			}
		}
	}
	list, err := w.AgentCertificates(t.Context(), local, acts.AgentCertificateFilter{Fingerprint: made[3].String()[:20], Limit: 1})
	if err != nil || list.Total != 5 || list.Matching != 1 || list.Certificates[0].Hosts != 2 || list.Certificates[0].LastSeen.IsZero() {
		t.Errorf("filtered: %+v, %v", list, err)
	}
	for _, bad := range []acts.AgentCertificateSort{"name", "-", "--added"} {
		if _, err := w.AgentCertificates(t.Context(), local, acts.AgentCertificateFilter{Sort: bad}); (bad == "-") != (err == nil) {
			t.Errorf("sorted by %q: %v", bad, err)
		}
	}
}

// TestPreviewsNameTheHostsThatAreCut, so that a person knows whom to tell.
func TestPreviewsNameTheHostsThatAreCut(t *testing.T) {
	w := start(t)
	listed, stranger := w.generate("listed"), pkitest.Agent(t, "stranger")
	w.sync(listed, 1, "web-1")
	w.sync(stranger, 2, "db-1\x1b[31m")
	p, err := w.PreviewSetValidation(t.Context(), local, acts.SetValidation{On: true})
	if err != nil || len(p.Consequences) != 1 || p.Consequences[0].Count != 1 || !slices.Equal(p.Consequences[0].Who, []string{`db-1\u{1b}[31m`}) {
		t.Errorf("validation on: %+v, %v", p, err)
	}
	w.validation(true)
	p, err = w.PreviewDeleteAgentCertificates(t.Context(), local, acts.DeleteAgentCertificates{Fingerprints: []pki.Fingerprint{listed.Fingerprint()}})
	if err != nil || len(p.Consequences) != 1 || p.Consequences[0].Count != 1 || !slices.Equal(p.Consequences[0].Who, []string{"web-1"}) {
		t.Errorf("deletion: %+v, %v", p, err)
	}
}

func TestUploadNamesEveryFaultOfEveryFile(t *testing.T) {
	w := start(t)
	weak := pkitest.CertificatePEM(pkitest.SelfSigned(t, pkitest.Key(t, "rsa1024")))
	_, err := w.UploadAgentCertificates(t.Context(), local, []acts.UploadAgentCertificate{
		{Name: "good.pem", PEM: pkitest.Agent(t, "good").EncodePEM()}, {Name: "weak.pem", PEM: weak}, {Name: "page.html", PEM: []byte("<html>")},
	})
	e := refusedAs(t, err, acts.Invalid)
	var faults acts.FileFaults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Fatalf("faults %+v", faults)
	}
	for _, want := range []string{"3 rules are violated", "weak.pem: the file holds no private key", "weak.pem: the RSA key has 1024 bits", "page.html: the file is an HTML"} {
		if !strings.Contains(e.Text, want) {
			t.Errorf("the refusal does not say %q: %s", want, e.Text)
		}
	}
	if list, err := w.AgentCertificates(t.Context(), local, acts.AgentCertificateFilter{}); err != nil || list.Total != 0 {
		t.Errorf("%d are on the list, %v", list.Total, err)
	}
}

func TestReplacingTellsWhatIsLeftToDo(t *testing.T) {
	w := start(t)
	w.sync(nil, 1, "web-1")
	w.sync(nil, 2, "web-2")
	done, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil || len(done.FollowUps) != 3 {
		t.Fatalf("%+v, %v", done.FollowUps, err)
	}
	for i, want := range []struct {
		whom  string
		count int
		who   []string
	}{{"Endpoint Agents that connect directly", 2, []string{"web-1", "web-2"}}, {"Sensors", 0, nil}, {"Mail sensors and other external systems", 0, nil}} {
		if got := done.FollowUps[i]; got.Whom != want.whom || got.Count != want.count || !slices.Equal(got.Who, want.who) || got.Step == "" {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if shown, err := w.ServerCertificate(t.Context(), local); err != nil || shown.FollowUps != nil {
		t.Errorf("a look at the certificate tells them: %+v, %v", shown.FollowUps, err)
	}
}
