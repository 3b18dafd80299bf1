package admin

import (
	"slices"

	"vedette/internal/acts"
	"vedette/internal/conduct"
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
	actViewSensors      = "sensor view"
	actAcceptSensor     = "sensor accept"
	actRejectSensor     = "sensor reject"
	actDeleteSensor     = "sensor delete"
	actViewHosts        = "host view"
	actViewEvents       = "event view"
)

// mayDo is the table of roles and acts (docs/security.md). What it does not
// name is nobody's.
func mayDo(r acts.Role, act string) bool {
	switch act {
	case actViewStatus, actViewHosts, actViewEvents:
		return slices.Contains(acts.Roles(), r)
	case actViewCertificates, actViewSensors, conduct.ActReview:
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityAuditor
	case actGenerateServer, actUploadServer, actInstallServer,
		actGenerateAgent, actUploadAgent, actDeleteAgent, actSetValidation:
		return r == acts.LocalAdministrator || r == acts.Administrator
	case actAcceptSensor, actRejectSensor, actDeleteSensor:
		return r == acts.LocalAdministrator
	default:
		return false
	}
}
