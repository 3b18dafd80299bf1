package admin

import (
	"time"

	"vedette/internal/acts"
)

// nextSensorStep tells an administrator what to do about a Sensor server now.
// What is wrong with its link stands beside, as the problem.
// since is when the server certificate came into use.
func nextSensorStep(s acts.SensorServer, since time.Time) string {
	beyond := ""
	if s.Quality != nil {
		_, beyond = standing(*s.Quality, acts.VerdictExceeded)
	}
	switch {
	case s.State == acts.Pending:
		return "Compare the fingerprint of the link identity with the one that the Sensor itself shows, in its menu: Program settings, Configure Central Node. Accept it only if they are equal; reject it if they differ."
	case s.State == acts.Rejected:
		return "It is refused. Accept it to let it carry agents; delete it to let it ask anew."
	case s.Type == acts.TypeSameServer && s.Problem != "":
		return "Delete it, and install the Sensor on a server of its own."
	case !s.Connected && !s.LastContact.IsZero() && s.LastContact.Before(since):
		return "It has not come back since the server certificate of this Central Node was replaced, on " + since.UTC().Format("2006-01-02 15:04 UTC") +
			". On the Sensor, in its menu, Program settings, Configure Central Node, compare the new fingerprint and confirm it (or use central-node set)."
	case !s.Connected:
		return "The link is down. On the Sensor, in its menu, Program settings, Configure Central Node says why."
	case s.PolicyBehind:
		return "Wait a moment: the Sensor is taking the policy in force, and carries agents once it has it."
	case s.Problem != "":
		return "The link is up. The problem needs a person."
	case beyond != "":
		return "The link is up, and beyond a documented limit. " + beyond
	case s.Agents == 0:
		return "The link is up. Give the Endpoint Agents behind it this Sensor's address, and its server certificate to pin."
	}
	return "The link is up and carries agents: there is nothing to do."
}
