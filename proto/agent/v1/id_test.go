package agentv1_test

import (
	"strings"
	"testing"

	agentv1 "vedette/proto/agent/v1"
)

func TestIDsHaveOneForm(t *testing.T) {
	if !agentv1.ValidID("0123456789abcdef0123456789abcdef") {
		t.Error("a good id is refused")
	}
	for _, bad := range []string{"", "0123456789abcdef", strings.Repeat("A", 32), strings.Repeat("g", 32), strings.Repeat("a", 33), strings.Repeat("a", 31) + ">", strings.Repeat("a", 31) + "\n"} {
		if agentv1.ValidID(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}
