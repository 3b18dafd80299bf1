package acts_test

import (
	"errors"
	"fmt"
	"testing"

	"vedette/internal/acts"
)

func TestRolesAreReadStrictly(t *testing.T) {
	for _, r := range acts.Roles() {
		if got, err := acts.ParseRole(" " + string(r) + "\n"); err != nil || got != r {
			t.Errorf("%q reads as %q, %v", r, got, err)
		}
	}
	if got := acts.SeniorSecurityOfficer.Title(); got != "Senior security officer" || acts.Role("").Title() != "" {
		t.Errorf("written for people: %q", got)
	}
	for _, bad := range []string{"", "root", "administrators"} {
		if got, err := acts.ParseRole(bad); err == nil {
			t.Errorf("%q reads as %q", bad, got)
		}
	}
}

func TestSentencesBeginAndEndAsSuch(t *testing.T) {
	for words, want := range map[string]string{"": "", "ä": "Ä.", "look again": "Look again.", "Done.": "Done."} {
		if got := acts.Sentence(words); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCodeOfFindsTheRefusalInsideAnError(t *testing.T) {
	cause := errors.New("cause")
	refusal := &acts.Error{Code: acts.Stale, Text: "changed", Err: cause}
	for want, err := range map[acts.Code]error{
		"":          nil,
		acts.Failed: cause,
		acts.Stale:  fmt.Errorf("wrapped: %w", refusal),
	} {
		if got := acts.CodeOf(err); got != want {
			t.Errorf("%v has code %q, want %q", err, got, want)
		}
	}
	if !errors.Is(refusal, cause) || refusal.Error() != "changed" {
		t.Error("the cause is for the log, the text for the person")
	}
}
