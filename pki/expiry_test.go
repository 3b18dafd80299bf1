package pki_test

import (
	"crypto/x509"
	"testing"
	"time"

	"vedette/pki"
)

func TestExpiryWarningSpeaksAtEachThreshold(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end := time.Date(2027, 1, 1, 12, 30, 0, 0, time.UTC)
	cert := &x509.Certificate{NotBefore: begin, NotAfter: end.In(time.FixedZone("east", 3*3600))}
	const d = 24 * time.Hour
	for _, c := range []struct {
		now  time.Time
		code pki.WarningCode
		days int
		text string
	}{
		{begin.Add(-time.Second), pki.WarnNotYetValid, 0, "The certificate is not valid before 2026-01-01 00:00 UTC; either it was made for later or a clock is wrong."},
		{begin.AddDate(-10, 0, 0), pki.WarnNotYetValid, 0, "The certificate is not valid before 2026-01-01 00:00 UTC; either it was made for later or a clock is wrong."},
		{begin, "", 0, ""},
		{end.Add(-90*d - time.Second), "", 0, ""},
		{end.Add(-90 * d), pki.WarnExpiring, 90, "The certificate expires on 2027-01-01 12:30 UTC, in 90 days."},
		{end.Add(-30*d - time.Second), pki.WarnExpiring, 90, "The certificate expires on 2027-01-01 12:30 UTC, in 30 days."},
		{end.Add(-30 * d), pki.WarnExpiring, 30, "The certificate expires on 2027-01-01 12:30 UTC, in 30 days."},
		{end.Add(-14 * d), pki.WarnExpiring, 14, "The certificate expires on 2027-01-01 12:30 UTC, in 14 days."},
		{end.Add(-7 * d), pki.WarnExpiring, 7, "The certificate expires on 2027-01-01 12:30 UTC, in 7 days."},
		{end.Add(-d), pki.WarnExpiring, 1, "The certificate expires on 2027-01-01 12:30 UTC, in 1 day."},
		{end, pki.WarnExpiring, 1, "The certificate expires on 2027-01-01 12:30 UTC, in less than a day."},
		{end.Add(time.Second), pki.WarnExpired, 0, "The certificate expired on 2027-01-01 12:30 UTC, less than a day ago."},
		{end.AddDate(10, 0, 0), pki.WarnExpired, 0, "The certificate expired on 2027-01-01 12:30 UTC, 3653 days ago."},
	} {
		w, found := pki.ExpiryWarning(cert, c.now)
		if found != (c.code != "") || w.Code != c.code || w.Days != c.days || w.String() != c.text {
			t.Errorf("at %s: got %v %s %d %q, want %s %d %q", c.now, found, w.Code, w.Days, w.Text, c.code, c.days, c.text)
		}
	}
}
