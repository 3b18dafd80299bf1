package admin_test

import (
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/proto/problem"
)

func (w *world) shownSystem(c *caller) acts.ExternalSystem {
	w.t.Helper()
	s, err := w.ExternalSystem(w.t.Context(), local, c.id+"/"+c.fingerprint().String())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestTheTableShowsWhoAskedAndHow(t *testing.T) {
	w := start(t)
	w.askingSystem("mail-1", "sensorType=mail&sensorName=Gate")
	w.askingSystem("files.1", "sensorName=st%1b%5b2Jore%0d%0a")
	list, err := w.ExternalSystems(t.Context(), local)
	if err != nil || len(list.Systems) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	served, err := w.ServerCertificate(t.Context(), local)
	if err != nil || list.ServerCertificate != served.Fingerprint || list.MaximumScanPriority || list.Revision == 0 {
		t.Errorf("above the table: %+v, %v", list, err)
	}
	mail, files := list.Systems[0], list.Systems[1]
	if mail.ID != "mail-1" || mail.Type != acts.MailSensor || mail.Name != "Gate" || mail.Sensor != "127.0.0.1" || mail.State != acts.Pending || mail.Changed || mail.Calls != 1 || mail.Refused != 1 {
		t.Errorf("%+v", mail)
	}
	if files.Type != acts.OtherSystem || files.Name != `st\u{1b}[2Jore\u{d}\u{a}` {
		t.Errorf("%+v", files)
	}
	if !strings.Contains(mail.LastError, "401 pending: ") || mail.LastErrorAt.IsZero() || mail.NotAfter.IsZero() || !strings.Contains(mail.Subject, "mail-1") {
		t.Errorf("%+v", mail)
	}
}

func TestAStrangerDoesNotChangeWhatAnIDMeans(t *testing.T) {
	w := start(t)
	gate := w.accepted("gate", acts.MailSensor)
	stranger := w.askingSystem("gate", "")
	which := acts.DecideExternalSystem{Which: "gate"}
	if s, err := w.ExternalSystem(t.Context(), local, "gate"); err != nil || s.Fingerprint != gate.fingerprint() || !slices.Contains(s.Others, stranger.fingerprint()) {
		t.Errorf("%+v, %v", s, err)
	}
	if e := refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, which)), acts.Invalid); !strings.Contains(e.Text, "2 external systems answer to") {
		t.Errorf("%+v", e)
	}
	if done, err := w.RejectExternalSystem(t.Context(), local, which); err != nil || done.System.Fingerprint != gate.fingerprint() {
		t.Errorf("%+v, %v", done, err)
	}
	refusedAs(t, second(w.DeleteExternalSystem(t.Context(), local, which)), acts.Invalid) // none is accepted
	for _, c := range []*caller{gate, stranger} {
		if _, err := w.AcceptExternalSystem(t.Context(), local, c.which()); err != nil {
			t.Fatal(err)
		}
	}
	refusedAs(t, second(w.RejectExternalSystem(t.Context(), local, which)), acts.Invalid) // both are
}

func TestAnExternalSystemIsFoundByIDByCertificateOrByBoth(t *testing.T) {
	w := start(t)
	one, two := w.askingSystem("one", ""), w.askingSystem("two", "")
	shared := w.caller("three", one.pair) // the certificate of one
	shared.check("")
	changed := w.askingSystem("two", "") // the ID of two
	w.askingSystem("Two", "")
	// An ID that reads as the fingerprint of another one's certificate.
	fake := w.askingSystem(changed.fingerprint().String(), "")

	find := func(which string) (acts.ExternalSystem, error) { return w.ExternalSystem(t.Context(), local, which) }
	for which, want := range map[string]*caller{
		"one":                               one,
		" one ":                             one,
		"one/" + one.fingerprint().String(): one,
		"three/" + strings.ReplaceAll(strings.ToLower(one.fingerprint().String()), ":", ""): shared,
		two.fingerprint().String():                   two,
		changed.fingerprint().String():               changed,
		"two/" + changed.fingerprint().String():      changed,
		fake.id + "/" + fake.fingerprint().String():  fake,
		strings.ToLower(fake.fingerprint().String()): fake,
	} {
		if s, err := find(which); err != nil || s.ID != want.id || s.Fingerprint != want.fingerprint() {
			t.Errorf("%q: %+v, %v", which, s, err)
		}
	}
	for which, want := range map[string]struct {
		code acts.Code
		text string
	}{
		"":                                  {acts.Invalid, "no external system was named"},
		"nobody":                            {acts.NotFound, `no external system "nobody" is known`},
		"ONE":                               {acts.NotFound, `"ONE"`},
		"no\x1bbody":                        {acts.NotFound, `"no\u{1b}body"`},
		"two":                               {acts.Invalid, `2 external systems answer to "two": two/` + two.fingerprint().String() + " (Pending, 127.0.0.1), two/" + changed.fingerprint().String()},
		one.fingerprint().String():          {acts.Invalid, "2 external systems answer to"},
		"two/AA":                            {acts.Invalid, `"AA" is not a fingerprint`},
		"two/" + one.fingerprint().String(): {acts.Refused, "has another certificate than the one that was compared"},
	} {
		_, err := find(which)
		if e := refusedAs(t, err, want.code); !strings.Contains(e.Text, want.text) || e.Hint == "" {
			t.Errorf("%q: %+v", which, e)
		}
	}
	// The fingerprint that a person compared is the one that is accepted.
	in := acts.DecideExternalSystem{Which: "two", Fingerprint: one.fingerprint()}
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.Refused)
	in = acts.DecideExternalSystem{Which: "two/" + two.fingerprint().String(), Fingerprint: one.fingerprint()}
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.Invalid)
	if _, err := w.AcceptExternalSystem(t.Context(), local, changed.which()); err != nil {
		t.Fatal(err)
	}
	if code := two.check(""); code != problem.Pending {
		t.Errorf("the same ID with the other certificate is answered %q", code)
	}
	s := w.shownSystem(two)
	if !slices.Equal(s.Others, []pki.Fingerprint{changed.fingerprint()}) || !strings.Contains(s.NextStep, "is accepted with another certificate") {
		t.Errorf("%+v", s)
	}
}

func TestOneIDWithManyCertificatesIsShownBounded(t *testing.T) {
	w := start(t)
	for range acts.MaxOthers + 3 {
		w.askingSystem("same", "")
	}
	list, err := w.ExternalSystems(t.Context(), local)
	if err != nil || len(list.Systems) != acts.MaxOthers+3 {
		t.Fatalf("%d, %v", len(list.Systems), err)
	}
	for _, s := range list.Systems {
		if len(s.Others) != acts.MaxOthers || slices.Contains(s.Others, s.Fingerprint) {
			t.Errorf("%s: others %v", s.Fingerprint, s.Others)
		}
	}
	_, err = w.ExternalSystem(t.Context(), local, "same")
	if e := refusedAs(t, err, acts.Invalid); strings.Count(e.Text, "same/") != 5 || !strings.HasSuffix(e.Text, ", and more") {
		t.Errorf("%q", e.Text)
	}
}
