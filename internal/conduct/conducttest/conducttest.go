// Package conducttest judges what acts say when they are refused.
package conducttest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
)

// NamesWhoMay reports a refusal whose hint does not send to exactly those roles
// that may do the act.
func NamesWhoMay(t *testing.T, refusal error, may []acts.Role) {
	t.Helper()
	var known *acts.Error
	if !errors.As(refusal, &known) {
		t.Errorf("%v is no refusal", refusal)
		return
	}
	rest, asks := strings.CutPrefix(known.Hint, "ask ")
	var named []acts.Role
	for _, who := range strings.Split(strings.ReplaceAll(rest, " or ", ", "), ", ") {
		_, role, _ := strings.Cut(who, " ")
		named = append(named, acts.Role(strings.ReplaceAll(role, " ", "-")))
	}
	slices.Sort(named)
	if !asks || !slices.Equal(named, slices.Sorted(slices.Values(may))) {
		t.Errorf("%q: the hint is %q, while %v may", known.Text, known.Hint, may)
	}
}
