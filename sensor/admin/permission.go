package admin

import (
	"slices"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/servercert"
)

// The Sensor's own acts, by the word that audit records carry.
const (
	actViewStatus     = "status view"
	actViewLink       = "link view"
	actSetCentralNode = "central-node set"
)

// mayDo is the table of roles and acts (docs/security.md). What it does not
// name is nobody's.
func mayDo(r acts.Role, act string) bool {
	switch act {
	case actViewStatus, actViewLink:
		return slices.Contains(acts.Roles(), r)
	case servercert.ActView, conduct.ActReview:
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityAuditor
	case servercert.ActGenerate, servercert.ActUpload, servercert.ActInstall, actSetCentralNode:
		return r == acts.LocalAdministrator || r == acts.Administrator
	default:
		return false
	}
}
