package page_test

import (
	"slices"
	"strings"
	"testing"

	"vedette/centralnode/web/page"
)

func TestPiecesBreakWhereNobodyReads(t *testing.T) {
	fingerprint := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	for text, want := range map[string][]string{
		"":                          nil,
		"a sentence of short words": {"a sentence of short words"},
		"in " + fingerprint[:35]:    {"in AB:AB:AB:AB:", "AB:AB:AB:AB:", "AB:AB:AB:AB"},
		strings.Repeat("ä", 50):     {strings.Repeat("ä", 24), strings.Repeat("ä", 24), "ää"},
	} {
		if got := page.Pieces(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := page.Pieces("x " + fingerprint); strings.Join(got, "") != "x "+fingerprint || len(got) != 8 {
		t.Errorf("%q", got)
	}
}
