package admin_test

import (
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
)

func (w *world) ids(f acts.ServerFilter) ([]string, acts.ExternalSystemPage) {
	w.t.Helper()
	p, err := w.ExternalSystemPage(w.t.Context(), local, f)
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, s := range p.Systems {
		ids = append(ids, s.ID)
	}
	return ids, p
}

func TestExternalSystemsAreChosenByStateAndTextAndWhoWaitsComesFirst(t *testing.T) {
	w := start(t)
	w.accepted("gate-1", acts.MailSensor)
	refused := w.askingSystem("store", "sensorName=Archive")
	if _, err := w.RejectExternalSystem(t.Context(), local, refused.which()); err != nil {
		t.Fatal(err)
	}
	w.askingSystem("gate-2", "")
	for name, c := range map[string]struct {
		filter acts.ServerFilter
		want   []string
	}{
		"all":            {acts.ServerFilter{}, []string{"gate-2", "gate-1", "store"}},
		"by state":       {acts.ServerFilter{State: acts.Accepted}, []string{"gate-1"}},
		"by ID":          {acts.ServerFilter{Text: "GATE"}, []string{"gate-2", "gate-1"}},
		"by both":        {acts.ServerFilter{Text: "gate", State: acts.Pending}, []string{"gate-2"}},
		"by name":        {acts.ServerFilter{Text: "archive"}, []string{"store"}},
		"by type":        {acts.ServerFilter{Text: "mail s"}, []string{"gate-1"}},
		"by fingerprint": {acts.ServerFilter{Text: strings.ReplaceAll(refused.fingerprint().String()[6:35], ":", " ")}, []string{"store"}},
		"a part":         {acts.ServerFilter{Offset: 2, Limit: 2}, []string{"store"}},
		"past the end":   {acts.ServerFilter{Offset: 7, Limit: 2}, []string{"store"}},
		"none":           {acts.ServerFilter{Text: "nobody"}, nil},
	} {
		ids, p := w.ids(c.filter)
		if !slices.Equal(ids, c.want) {
			t.Errorf("%s: %q, want %q", name, ids, c.want)
		}
		if p.Counts != (acts.SystemCounts{Pending: 1, Accepted: 1, Rejected: 1}) || p.ServerCertificate.IsZero() {
			t.Errorf("%s: %+v", name, p)
		}
		for _, s := range p.Systems {
			if s.NextStep == "" || s.Calls == 0 || s.Revision == 0 {
				t.Errorf("%s: a row that nobody looked at: %+v", name, s)
			}
		}
	}
	_, err := w.ExternalSystemPage(t.Context(), local, acts.ServerFilter{State: "perhaps"})
	refusedAs(t, err, acts.Invalid)
}

func TestASwitchThatWasNeverSetHasARevisionAllTheSame(t *testing.T) {
	w := start(t)
	_, p := w.ids(acts.ServerFilter{})
	if p.PriorityRevision == 0 {
		t.Fatal("an act with no revision is never stale")
	}
	set := func(who acts.Actor, on bool, revision uint64) error {
		return second(w.SetScanPriority(t.Context(), who, acts.SetScanPriority{On: on, Revision: revision}))
	}
	if err := set(bob, true, p.PriorityRevision); err != nil {
		t.Fatal(err)
	}
	staleBy(t, set(local, false, p.PriorityRevision), "external-system priority")
	_, p = w.ids(acts.ServerFilter{})
	if err := set(local, false, p.PriorityRevision); err != nil {
		t.Error(err)
	}
}

func TestAnExternalSystemIsShownByIDAndCertificateTogether(t *testing.T) {
	w := start(t)
	one := w.accepted("gate", acts.MailSensor)
	two := w.askingSystem("gate", "")
	for _, c := range []*caller{one, two} {
		d, err := w.ExternalSystemDetail(t.Context(), local, c.id, c.fingerprint())
		if err != nil || d.ID != "gate" || d.Fingerprint != c.fingerprint() || d.ServerCertificate != w.Pin() || d.Address == "" {
			t.Errorf("%+v, %v", d, err)
		}
	}
	_, err := w.ExternalSystemDetail(t.Context(), local, "gate", w.Pin())
	refusedAs(t, err, acts.NotFound)
	_, err = w.ExternalSystemDetail(t.Context(), local, "Gate", one.fingerprint())
	refusedAs(t, err, acts.NotFound)
}

func TestAPreviewForSomebodyWhoStillChoosesSaysWhatEachTypeMeans(t *testing.T) {
	w := start(t)
	c := w.askingSystem("gate", "sensorType=mail")
	in := c.which()
	in.EachType = true
	p, err := w.PreviewAcceptExternalSystem(t.Context(), local, in)
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "As a mail sensor, its objects are scanned before", "As one of the other systems, its objects are scanned after", "The switch is off now.")
	if strings.Contains(strings.Join(p.Lines, "\n"), "It will be treated") {
		t.Errorf("the preview decides for the person: %q", p.Lines)
	}
	in.Type = acts.OtherSystem
	if _, err := w.AcceptExternalSystem(t.Context(), local, in); err != nil {
		t.Fatal(err)
	}
	in.Type = "" // one that is accepted may be given another type
	if p, err = w.PreviewAcceptExternalSystem(t.Context(), local, in); err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "It is accepted already: only its type is corrected.")
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.Refused)
}
