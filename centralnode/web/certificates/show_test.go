package certificates_test

import (
	"strings"
	"testing"

	"vedette/centralnode/admin/admintest"
)

func TestPageShowsTheServerCertificateAndAnEmptyList(t *testing.T) {
	w := start(t)
	served, err := w.ServerCertificate(t.Context(), admintest.Local())
	if err != nil {
		t.Fatal(err)
	}
	p := w.Get(front)
	panel := p.Find("#server-certificate").Text()
	for _, want := range []string{"Server certificate", served.Fingerprint.String(), served.Subject, served.Serial.String(), served.Key, "central.example", "in 1,824 days", "In use since"} {
		if !strings.Contains(panel, want) {
			t.Errorf("the panel does not say %q:\n%s", want, panel)
		}
	}
	if agents := p.Find("#agent-certificates").Text(); !strings.Contains(agents, "No certificate is on the list. Click Generate") {
		t.Errorf("an empty list: %s", agents)
	}
}
