package pki

import (
	"crypto/x509"
	"fmt"
	"time"
)

// WarningCode is the stable word of a warning.
type WarningCode string

// What a date can be warned about.
const (
	WarnExpiring    WarningCode = "certificate_expiring"
	WarnExpired     WarningCode = "certificate_expired"
	WarnNotYetValid WarningCode = "certificate_not_yet_valid"
)

// Warning is a whole sentence about something that needs attention and stops nothing.
type Warning struct {
	Code WarningCode
	Text string
	// Days is the threshold that has been passed: 90, 30, 14, 7 or 1; 0 for the other codes. A watcher that remembers
	// the last (Code, Days) it told speaks once for each.
	Days int
	// At is the date that the sentence is about.
	At time.Time
}

func (w Warning) String() string { return w.Text }

const day = 24 * time.Hour

// ExpiryWarning says whether a certificate's dates deserve a word at a time: from 90 days before the end on, with
// steps at 30, 14, 7 and 1 days; after the end; before the beginning. Dates of a pinned certificate cut nobody.
func ExpiryWarning(cert *x509.Certificate, now time.Time) (Warning, bool) {
	return DatesWarning(cert.NotBefore, cert.NotAfter, now)
}

// DatesWarning says the same of a certificate whose dates are known without it.
func DatesWarning(begin, end, now time.Time) (Warning, bool) {
	begin, end = begin.UTC(), end.UTC()
	switch {
	case now.After(end):
		return Warning{Code: WarnExpired, At: end,
			Text: fmt.Sprintf("The certificate expired on %s, %s ago.", date(end), days(now.Sub(end)))}, true
	case now.Before(begin):
		return Warning{Code: WarnNotYetValid, At: begin,
			Text: fmt.Sprintf("The certificate is not valid before %s; either it was made for later or a clock is wrong.", date(begin))}, true
	}
	left := end.Sub(now)
	for _, threshold := range []int{1, 7, 14, 30, 90} {
		if left <= time.Duration(threshold)*day {
			return Warning{Code: WarnExpiring, Days: threshold, At: end,
				Text: fmt.Sprintf("The certificate expires on %s, in %s.", date(end), days(left))}, true
		}
	}
	return Warning{}, false
}

func date(t time.Time) string { return t.Format("2006-01-02 15:04 UTC") }

// days counts whole days and never says "0 days".
func days(d time.Duration) string {
	switch n := int(d / day); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}
