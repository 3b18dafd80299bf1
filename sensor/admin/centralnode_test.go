package admin_test

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/sessions"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/sensor/proxy"
)

const address = "central.example:443"

func TestAPersonIsShownWhatToCompare(t *testing.T) {
	w := start(t)
	c, met := certificate(t, pkitest.Hostile)
	w.show(address, c)
	p, err := w.PreviewSetCentralNode(t.Context(), local, acts.SetCentralNode{Address: "central.example"})
	if err != nil || !p.Asks || p.Fingerprint != met || len(p.Consequences) != 0 {
		t.Fatalf("preview %+v, %v", p, err)
	}
	text := strings.Join(p.Lines, "\n")
	for _, want := range []string{
		"Central Node address: central.example:443\n", "Fingerprint (SHA-256): " + met.String() + "\n", "\nSubject: ", "\nValid from: ", "\nValid until: ",
		"\nMake sure that the displayed certificate matches the Central Node component certificate.\n", "link identity is " + identity.String(),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the preview lacks %q:\n%s", want, text)
		}
	}
	for _, line := range p.Lines {
		if strings.ContainsAny(line, "\x1b\n\r") {
			t.Errorf("foreign text: %q", line)
		}
	}
	if len(w.link.pointed()) != 0 || len(w.records(t, "central-node set")) != 0 {
		t.Error("a look changed something")
	}
}

func TestTheDatesOfTheCertificateAreWarnedOf(t *testing.T) {
	w := start(t)
	c, _ := certificate(t, pkitest.Expired)
	w.show(address, c)
	p, err := w.PreviewSetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address})
	if err != nil || !strings.Contains(strings.Join(p.Lines, "\n"), "expired") {
		t.Errorf("preview %q, %v", p.Lines, err)
	}
}

func TestALookThatIsInterruptedIsNoPreview(t *testing.T) {
	w := start(t)
	_, known := certificate(t)
	for _, fingerprint := range []pki.Fingerprint{{}, known} {
		ctx, leave := context.WithCancel(t.Context())
		w.asked = leave // somebody presses Ctrl-C while nobody answers
		p, err := w.PreviewSetCentralNode(ctx, local, acts.SetCentralNode{Address: address, Fingerprint: fingerprint})
		var said *acts.Error
		if len(p.Lines) > 0 || !errors.As(err, &said) || said.Text != "the act was interrupted" {
			t.Errorf("preview %+v, %v", p, err)
		}
	}
}

func TestExactlyTheConfirmedCertificateIsPinned(t *testing.T) {
	w := start(t)
	c, met := certificate(t)
	w.show(address, c)
	done, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: "CENTRAL.example", Fingerprint: met})
	if err != nil || done.Address != address || done.Expected != met || done.State != acts.LinkUnreachable || done.LinkIdentity != identity {
		t.Fatalf("configured %+v, %v", done, err)
	}
	kept, found, err := w.entities.CentralNode(t.Context())
	if err != nil || !found || kept.Pin != met || kept.Address != address || uint64(kept.Version) != done.Revision {
		t.Fatalf("keeps %+v, %v, %v", kept, found, err)
	}
	pointed := w.link.pointed()
	if len(pointed) != 1 || pointed[0].Address != address || pointed[0].Pin != met || !pointed[0].Next.IsZero() || pointed[0].Request != kept.Request {
		t.Fatalf("points at %+v", pointed)
	}
	r := w.records(t, "central-node set")
	if len(r) != 1 || r[0].Result != audit.Done || !slices.Equal(r[0].Subject, []string{address, met.String()}) || r[0].Detail != "" {
		t.Errorf("records %+v", r)
	}

	// The same once more asks anew, which is how a rejected Sensor comes back.
	if _, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: met}); err != nil {
		t.Fatal(err)
	}
	pointed = w.link.pointed()
	if len(pointed) != 2 || pointed[1].Request == pointed[0].Request {
		t.Errorf("points at %+v", pointed)
	}

	// A server that is another one meanwhile is not pinned.
	other, met2 := certificate(t, func(c *x509.Certificate) { c.Subject.CommonName = "another" })
	w.show(address, other)
	for what, act := range map[string]func() error{
		"preview": func() error {
			_, err := w.PreviewSetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: met})
			return err
		},
		"deed": func() error {
			_, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: met})
			return err
		},
	} {
		e := refusedAs(t, act(), acts.Refused)
		if !strings.Contains(e.Text, met.String()) || !strings.Contains(e.Text, met2.String()) {
			t.Errorf("%s: %q does not name both", what, e.Text)
		}
	}
	if len(w.link.pointed()) != 2 {
		t.Error("the link was pointed at a foreign server")
	}
	if after, _, err := w.entities.CentralNode(t.Context()); err != nil || after.Pin != met {
		t.Errorf("keeps %+v, %v", after, err)
	}
}

func TestAServerThatIsDownIsConfiguredWhenItsFingerprintIsKnown(t *testing.T) {
	w := start(t)
	known := pki.Fingerprint{7}
	_, err := w.PreviewSetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address})
	if e := refusedAs(t, err, acts.Unavailable); !strings.HasPrefix(e.Text, "Nobody answers at "+address) || !strings.HasPrefix(e.Hint, "Look there. Who knows the fingerprint") || strings.Contains(e.Hint, "--") {
		t.Errorf("error %q, hint %q", e.Text, e.Hint)
	}
	p, err := w.PreviewSetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: known})
	if text := strings.Join(p.Lines, "\n"); err != nil || !p.Asks || p.Fingerprint != known || !strings.Contains(text, "Nobody answers") || strings.Contains(text, "Subject:") {
		t.Errorf("preview %q, %v", p.Lines, err)
	}
	if _, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address}); acts.CodeOf(err) != acts.Invalid {
		t.Errorf("without a fingerprint: %v", err)
	}
	if len(w.link.pointed()) != 0 {
		t.Fatal("the link was pointed somewhere that nobody confirmed")
	}
	if _, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: known}); err != nil {
		t.Fatal(err)
	}
	if pointed := w.link.pointed(); len(pointed) != 1 || pointed[0].Pin != known {
		t.Errorf("points at %+v", pointed)
	}
	r := w.records(t, "central-node set")
	if last := r[len(r)-1]; last.Result != audit.Done || !strings.Contains(last.Detail, "Nobody answers") {
		t.Errorf("the record does not say that nobody answered: %+v", last)
	}
}

func TestAnInterruptedActConfiguresNothing(t *testing.T) {
	w := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.SetCentralNode(ctx, local, acts.SetCentralNode{Address: address, Fingerprint: pki.Fingerprint{7}})
	refusedAs(t, err, acts.Unavailable)
	if _, found, err := w.entities.CentralNode(t.Context()); found || err != nil || len(w.link.pointed()) != 0 {
		t.Errorf("configured all the same: %v, %v", found, err)
	}
}

// TestWhoIsWithdrawnMeanwhileConfiguresNothing: the server that was named takes
// its time, and the account is deleted before it answers.
func TestWhoIsWithdrawnMeanwhileConfiguresNothing(t *testing.T) {
	w := start(t)
	signedIn, _ := w.sessions.Enter(sessions.Session{Account: bob.Account}, func() {})
	who := bob
	who.Session = signedIn.ID
	w.asked = func() { w.sessions.End(bob.Account, "", 0) }
	refusedAs(t, second(w.SetCentralNode(t.Context(), who, acts.SetCentralNode{Address: address, Fingerprint: pki.Fingerprint{7}})), acts.Refused)
	if n, err := w.CentralNode(t.Context(), local); err != nil || n.Address != "" || len(w.link.targets) != 0 {
		t.Errorf("configured is %+v, the link goes to %v; %v", n, w.link.targets, err)
	}
}

func TestAnotherCentralNodeIsShownBesideTheOneInUse(t *testing.T) {
	w := start(t)
	old, pin := certificate(t)
	next, met := certificate(t, func(c *x509.Certificate) { c.Subject.CommonName = "next" })
	w.show(address, old)
	w.count(proxy.Counts{Agents: 12})
	if _, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: pin}); err != nil {
		t.Fatal(err)
	}
	look := func(address string) acts.Preview {
		t.Helper()
		p, err := w.PreviewSetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Consequences) != 1 || p.Consequences[0].Count != 12 || !p.Consequences[0].InUse {
			t.Errorf("consequences %+v", p.Consequences)
		}
		return p
	}
	has := func(p acts.Preview, want string) {
		t.Helper()
		if text := strings.Join(p.Lines, "\n"); !strings.Contains(text, want) {
			t.Errorf("the preview lacks %q:\n%s", want, text)
		}
	}
	has(look(address), "It is configured already")
	w.show(address, next)
	has(look(address), "Expected: "+pin.String())
	has(look(address), "Met: "+met.String())
	w.show("192.0.2.1:443", next)
	has(look("192.0.2.1"), "takes the place of the Central Node at "+address)
	if err := w.entities.SaveAnnounced(t.Context(), pin, met); err != nil {
		t.Fatal(err)
	}
	p := look(address)
	has(p, "announced this certificate")
	if _, err := w.SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address, Fingerprint: met, Revision: p.Revision}); err != nil {
		t.Fatal(err)
	}
	if kept, _, err := w.entities.CentralNode(t.Context()); err != nil || kept.Pin != met || !kept.Next.IsZero() {
		t.Errorf("configuring replaces both pins: %+v, %v", kept, err)
	}
}

func TestAStalePreviewIsRefused(t *testing.T) {
	w := start(t)
	c, met := certificate(t)
	w.show(address, c)
	seen, err := w.PreviewSetCentralNode(t.Context(), local, acts.SetCentralNode{Address: address})
	if err != nil || seen.Revision == 0 {
		t.Fatalf("preview %+v, %v", seen, err)
	}
	in := acts.SetCentralNode{Address: address, Fingerprint: met, Revision: seen.Revision}
	if _, err := w.SetCentralNode(t.Context(), local, in); err != nil {
		t.Fatal(err)
	}
	_, err = w.SetCentralNode(t.Context(), local, in)
	refusedAs(t, err, acts.Stale)
	if len(w.link.pointed()) != 1 {
		t.Error("the link was pointed by a refused act")
	}
}
