package conduct_test

import (
	"slices"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

func TestARefusalNamesAllWhoMay(t *testing.T) {
	for hint, who := range map[string][]acts.Role{
		"":                          nil,
		"ask a local administrator": {acts.LocalAdministrator},
		"ask a local administrator or an administrator":                                                                    {acts.LocalAdministrator, acts.Administrator},
		"ask a local administrator, a senior security officer or a security officer":                                       {acts.LocalAdministrator, acts.SeniorSecurityOfficer, acts.SecurityOfficer},
		"ask a local administrator, an administrator, a security auditor, a senior security officer or a security officer": acts.Roles(),
	} {
		err := conduct.NotAllowed("guest", "do", func(r acts.Role, act string) bool { return act == "do" && slices.Contains(who, r) })
		if err.Code != acts.NotAllowed || err.Text != "the role Guest may not do this (do)" || err.Hint != hint {
			t.Errorf("%v may: %+v, want %q", who, err, hint)
		}
	}
}
