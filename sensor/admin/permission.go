package admin

import (
	"slices"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/servercert"
)

// The Sensor's own acts, by the word that audit records carry.
const (
	actViewStatus     = "status view"
	actViewLink       = "link view"
	actTestLink       = "link test"
	actSetCentralNode = "central-node set"
)

// mayDo is the table of roles and acts (docs/security.md). What it does not
// name is nobody's.
func mayDo(r acts.Role, act string) bool {
	switch act {
	case actViewStatus, actViewLink, accounts.ActOwn, accounts.ActChangePassword:
		return slices.Contains(acts.Roles(), r)
	case servercert.ActView, conduct.ActReview, accounts.ActView:
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityAuditor
	case servercert.ActGenerate, servercert.ActUpload, servercert.ActInstall, servercert.ActDiscard, actSetCentralNode, actTestLink,
		// Of accounts that are no local administrator's; the acts look at that.
		accounts.ActCreate, accounts.ActDelete, accounts.ActSetRole, accounts.ActDisable, accounts.ActEnable,
		accounts.ActSetPassword, accounts.ActSecondFactor, accounts.ActAddKey, accounts.ActDeleteKey:
		return r == acts.LocalAdministrator || r == acts.Administrator
	default:
		return false
	}
}
