package totp

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestCodesAreThoseOfTheStandard walks RFC 6238, appendix B, for SHA-1, and
// RFC 4226, appendix D.
func TestCodesAreThoseOfTheStandard(t *testing.T) {
	s := Secret("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471",
		1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := s.code(step(time.Unix(at, 0)), 8, 100_000_000); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
		if got := s.Code(time.Unix(at, 0)); got != want[2:] {
			t.Errorf("six digits at %d: %s, want %s", at, got, want[2:])
		}
	}
	for n, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := s.code(int64(n), digits, modulus); got != want {
			t.Errorf("counter %d: %s, want %s", n, got, want)
		}
	}
}

func TestACodeIsRightForItsStepAndOneBesideIt(t *testing.T) {
	s, now := New(), time.Date(2030, 1, 2, 3, 4, 29, 0, time.UTC)
	for steps := -3; steps <= 3; steps++ {
		code := s.Code(now.Add(time.Duration(steps) * seconds * time.Second))
		found, ok := s.Match(code, now, 0)
		if want := steps >= -1 && steps <= 1; ok != want || ok && found != step(now)+int64(steps) {
			t.Errorf("a code of %d steps from now: %v, step %d", steps, ok, found-step(now))
		}
	}
	for _, wrong := range []string{"", "0", s.Code(now) + "0", s.Code(now)[1:], "abcdef"} {
		if _, ok := s.Match(wrong, now, 0); ok {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestACodeIsNotTakenAgainNorIsAnEarlierOne(t *testing.T) {
	s, now := New(), time.Date(2030, 1, 2, 3, 4, 29, 0, time.UTC)
	used, ok := s.Match(s.Code(now), now, 0)
	if !ok {
		t.Fatal("the code is refused")
	}
	for _, at := range []time.Time{now, now.Add(-seconds * time.Second)} {
		if _, ok := s.Match(s.Code(at), now, used); ok {
			t.Errorf("the code of %v is taken after that of %v", at, now)
		}
	}
	if _, ok := s.Match(s.Code(now.Add(seconds*time.Second)), now, used); !ok {
		t.Error("the next code is refused")
	}
}

func TestASecretIsReadBackAndInNoLog(t *testing.T) {
	s := New()
	again, err := Parse(s.Text())
	if err != nil || !bytes.Equal(s, again) || len(s) != length || bytes.Equal(s, New()) {
		t.Fatalf("%q: %v", s.Text(), err)
	}
	u, err := url.Parse(s.URI("Our Node", "anna.b"))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Our Node:anna.b" || u.Query().Get("secret") != s.Text() || u.Query().Get("issuer") != "Our Node" {
		t.Errorf("%v, %v", u, err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), log.String()} {
		if strings.Contains(text, s.Text()) || strings.Contains(text, fmt.Sprint([]byte(s))) || !strings.Contains(text, redacted) {
			t.Errorf("shown: %s", text)
		}
	}
}
