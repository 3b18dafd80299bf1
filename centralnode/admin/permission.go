package admin

import (
	"slices"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/servercert"
)

// The Central Node's own acts, by the word that audit records carry.
const (
	actViewStatus      = "status view"
	actGenerateAgent   = "agent-certificate generate"
	actUploadAgent     = "agent-certificate upload"
	actDeleteAgent     = "agent-certificate delete"
	actSetValidation   = "agent-certificate validation"
	actViewSensors     = "sensor view"
	actAcceptSensor    = "sensor accept"
	actRejectSensor    = "sensor reject"
	actDeleteSensor    = "sensor delete"
	actViewSystems     = "external-system view"
	actAcceptSystem    = "external-system accept"
	actRejectSystem    = "external-system reject"
	actDeleteSystem    = "external-system delete"
	actSetScanPriority = "external-system priority"
	actViewAlerts      = "alert view"
	actSetAlertState   = "alert state"
	actViewScan        = "scan view"
	actViewHosts       = "host view"
	actViewEvents      = "event view"
)

// mayDo is the table of roles and acts (docs/security.md). What it does not
// name is nobody's.
func mayDo(r acts.Role, act string) bool {
	switch act {
	case actViewStatus, actViewHosts, actViewEvents, actViewAlerts, actViewScan, accounts.ActOwn, accounts.ActChangePassword:
		return slices.Contains(acts.Roles(), r)
	case servercert.ActView, actViewSensors, actViewSystems, conduct.ActReview, accounts.ActView:
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityAuditor
	case servercert.ActGenerate, servercert.ActUpload, servercert.ActInstall, servercert.ActDiscard,
		actGenerateAgent, actUploadAgent, actDeleteAgent, actSetValidation, actSetScanPriority:
		return r == acts.LocalAdministrator || r == acts.Administrator
	case actSetAlertState:
		return r == acts.LocalAdministrator || r == acts.SeniorSecurityOfficer || r == acts.SecurityOfficer
	case actAcceptSensor, actRejectSensor, actDeleteSensor, actAcceptSystem, actRejectSystem, actDeleteSystem,
		accounts.ActCreate, accounts.ActDelete, accounts.ActSetPassword, accounts.ActAddKey, accounts.ActDeleteKey:
		return r == acts.LocalAdministrator
	default:
		return false
	}
}
