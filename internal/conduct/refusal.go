package conduct

import (
	"fmt"
	"strings"

	"vedette/internal/acts"
)

// NotAllowed refuses an act to a role, and names those that may, by the same
// table that refused.
func NotAllowed(role acts.Role, act string, may func(acts.Role, string) bool) *acts.Error {
	err := &acts.Error{Code: acts.NotAllowed, Text: fmt.Sprintf("the role %s may not do this (%s)", role.Title(), act)}
	if who := whoMay(act, may); who != "" {
		err.Hint = "ask " + who
	}
	return err
}

// whoMay lists the roles that may do an act: "a local administrator, an
// administrator or a security auditor". It is empty when nobody may.
func whoMay(act string, may func(acts.Role, string) bool) string {
	var who []string
	for _, r := range acts.Roles() {
		if !may(r, act) {
			continue
		}
		article := "a "
		if r == acts.Administrator {
			article = "an "
		}
		who = append(who, article+strings.ToLower(r.Title()))
	}
	if len(who) < 2 {
		return strings.Join(who, "")
	}
	last := len(who) - 1
	return strings.Join(who[:last], ", ") + " or " + who[last]
}
