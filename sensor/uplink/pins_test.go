package uplink

import (
	"testing"

	"vedette/pki"
)

func TestAnnouncementNeverShutsOutWhatIsShown(t *testing.T) {
	var none pki.Fingerprint
	a, b, c := pki.Fingerprint{1}, pki.Fingerprint{2}, pki.Fingerprint{3}
	for _, s := range []struct {
		name      string
		have      pins
		met, next pki.Fingerprint
		want      pins
	}{
		{"first", pins{a, none}, a, b, pins{a, b}},
		{"changed", pins{a, b}, a, c, pins{a, c}},
		{"taken back", pins{a, b}, a, none, pins{a, none}},
		{"the one that is shown", pins{a, b}, a, a, pins{a, none}},
		{"taken back after it is shown", pins{a, b}, b, none, pins{a, b}},
		{"again after it is shown", pins{a, b}, b, b, pins{a, b}},
		{"the way back after it is shown", pins{a, b}, b, a, pins{a, b}},
		{"further one", pins{a, b}, b, c, pins{b, c}},
		{"by a stranger", pins{a, b}, c, c, pins{a, b}},
	} {
		t.Run(s.name, func(t *testing.T) {
			if got := s.have.announce(s.met, s.next); got != s.want {
				t.Errorf("got %v, want %v", got, s.want)
			}
			if err := s.want.check()(s.met); s.met != c && err != nil {
				t.Errorf("what is shown is refused: %v", err)
			}
		})
	}
	if err := (pins{a, none}).check()(none); err == nil {
		t.Error("no certificate is accepted")
	}
}
