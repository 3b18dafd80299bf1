package admin

import (
	"slices"

	"vedette/internal/acts"
)

// The acts, by the word that audit records carry.
const (
	actViewStatus       = "status view"
	actViewCertificates = "certificate view"
	actGenerateServer   = "certificate generate"
	actUploadServer     = "certificate upload"
	actInstallServer    = "certificate install"
	actGenerateAgent    = "agent-certificate generate"
	actUploadAgent      = "agent-certificate upload"
	actDeleteAgent      = "agent-certificate delete"
	actSetValidation    = "agent-certificate validation"
	actViewHosts        = "host view"
	actViewEvents       = "event view"
	actViewAudit        = "audit view"
)

// mayDo is the table of roles and acts (docs/security.md). What it does not
// name is nobody's.
func mayDo(r acts.Role, act string) bool {
	switch act {
	case actViewStatus, actViewHosts, actViewEvents:
		return slices.Contains(acts.Roles(), r)
	case actViewCertificates, actViewAudit:
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityAuditor
	case actGenerateServer, actUploadServer, actInstallServer,
		actGenerateAgent, actUploadAgent, actDeleteAgent, actSetValidation:
		return r == acts.LocalAdministrator || r == acts.Administrator
	default:
		return false
	}
}
