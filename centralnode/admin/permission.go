package admin

import (
	"context"
	"slices"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/servercert"
)

// mayDo is the table of roles and acts (docs/security.md). What it does not
// name is nobody's.
func mayDo(r acts.Role, act string) bool {
	switch act {
	case acts.ActViewStatus, acts.ActViewHosts, acts.ActViewEvents, acts.ActViewAlerts, acts.ActViewScan, accounts.ActOwn, accounts.ActChangePassword:
		return slices.Contains(acts.Roles(), r)
	case servercert.ActView, acts.ActViewSensors, acts.ActViewSystems, conduct.ActReview, accounts.ActView:
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityAuditor
	case servercert.ActGenerate, servercert.ActUpload, servercert.ActInstall, servercert.ActDiscard,
		acts.ActGenerateAgent, acts.ActUploadAgent, acts.ActDeleteAgent, acts.ActSetValidation, acts.ActSetScanPriority, acts.ActSetActivity,
		// Of accounts that are no local administrator's; the acts look at that.
		accounts.ActCreate, accounts.ActDelete, accounts.ActSetRole, accounts.ActDisable, accounts.ActEnable,
		accounts.ActSetPassword, accounts.ActSecondFactor, accounts.ActAddKey, accounts.ActDeleteKey:
		return r == acts.LocalAdministrator || r == acts.Administrator
	case acts.ActSetAlertState:
		return r == acts.LocalAdministrator || r == acts.SeniorSecurityOfficer || r == acts.SecurityOfficer
	case acts.ActAcceptSensor, acts.ActRejectSensor, acts.ActDeleteSensor, acts.ActAcceptSystem, acts.ActRejectSystem, acts.ActDeleteSystem:
		return r == acts.LocalAdministrator
	default:
		return false
	}
}

// Permit asks whether an actor may do an act at all, for a face that shows a
// page before there is something to do. Who may not leaves a record.
func (a *Admin) Permit(ctx context.Context, actor acts.Actor, act string) error {
	return a.desk.Permit(ctx, actor, act)
}

// May asks the same and leaves no record, for what is shown to some only.
func (a *Admin) May(actor acts.Actor, act string) bool { return a.desk.May(actor, act) }
