package adminmenu

import (
	"context"

	"vedette/internal/acts"
)

// Certificates is what Manage server certificate works on. Prepare makes or
// reads a certificate that nobody serves yet and tells each step that is done;
// Apply puts it to use atomically.
type Certificates interface {
	ServerCertificate(context.Context, acts.Actor) (acts.ServerCertificate, error)
	PreviewGenerateServerCertificate(context.Context, acts.Actor, acts.GenerateServerCertificate) (acts.Preview, error)
	PrepareGenerateServerCertificate(ctx context.Context, who acts.Actor, in acts.GenerateServerCertificate, step func(done string)) (acts.PreparedServerCertificate, error)
	PreviewInstallServerCertificate(context.Context, acts.Actor, acts.InstallServerCertificate) (acts.Preview, error)
	PrepareInstallServerCertificate(ctx context.Context, who acts.Actor, in acts.InstallServerCertificate, step func(done string)) (acts.PreparedServerCertificate, error)
	ApplyServerCertificate(context.Context, acts.Actor, acts.PreparedServerCertificate) (acts.ServerCertificate, error)
	DiscardServerCertificate(ctx context.Context, who acts.Actor, in acts.DiscardServerCertificate) error // forgets the uploaded kata.pem
}

// People is what Accounts and keys, and Change password, work on.
type People interface {
	Accounts(context.Context, acts.Actor) (acts.AccountList, error)
	CreateAccount(context.Context, acts.Actor, acts.CreateAccount) (acts.AccountChange, error)
	PreviewDeleteAccount(context.Context, acts.Actor, acts.DeleteAccount) (acts.Preview, error)
	DeleteAccount(context.Context, acts.Actor, acts.DeleteAccount) (acts.AccountChange, error)
	PreviewDisableAccount(context.Context, acts.Actor, acts.DisableAccount) (acts.Preview, error)
	DisableAccount(context.Context, acts.Actor, acts.DisableAccount) (acts.AccountChange, error)
	EnableAccount(context.Context, acts.Actor, acts.EnableAccount) (acts.AccountChange, error)
	PreviewRemoveSecondFactor(context.Context, acts.Actor, acts.RemoveSecondFactor) (acts.Preview, error)
	RemoveSecondFactor(context.Context, acts.Actor, acts.RemoveSecondFactor) (acts.AccountChange, error)
	SetPassword(context.Context, acts.Actor, acts.SetPassword) (acts.AccountChange, error)
	ChangePassword(context.Context, acts.Actor, acts.ChangePassword) (acts.AccountChange, error)
	AddKey(context.Context, acts.Actor, acts.AddKey) (acts.AccountChange, error)
	PreviewDeleteKey(context.Context, acts.Actor, acts.DeleteKey) (acts.Preview, error)
	DeleteKey(context.Context, acts.Actor, acts.DeleteKey) (acts.AccountChange, error)
}

// Review is what Audit works on.
type Review interface {
	Audit(context.Context, acts.Actor, acts.AuditFilter) ([]acts.AuditRecord, error)
}

// Sensor is a Sensor's administration.
type Sensor interface {
	Certificates
	People
	Review

	Status(context.Context, acts.Actor) (acts.SensorStatus, error)
	CentralNode(context.Context, acts.Actor) (acts.CentralNode, error)
	PreviewSetCentralNode(context.Context, acts.Actor, acts.SetCentralNode) (acts.Preview, error)
	SetCentralNode(context.Context, acts.Actor, acts.SetCentralNode) (acts.CentralNode, error)
	Link(context.Context, acts.Actor) (acts.Link, error)
	LinkHistory(context.Context, acts.Actor, acts.ViewHistory) ([]acts.QualityMinute, error)
	TestLink(context.Context, acts.Actor, acts.TestLink) (acts.LinkTest, error)
}

// ExternalSystems is what External systems works on.
type ExternalSystems interface {
	ExternalSystems(context.Context, acts.Actor) (acts.ExternalSystemList, error)
	PreviewAcceptExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error)
	AcceptExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error)
	PreviewRejectExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error)
	RejectExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error)
	PreviewDeleteExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error)
	DeleteExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error)
	PreviewSetScanPriority(context.Context, acts.Actor, acts.SetScanPriority) (acts.Preview, error)
	SetScanPriority(context.Context, acts.Actor, acts.SetScanPriority) (acts.ScanPriority, error)
}

// CentralNode is a Central Node's administration.
type CentralNode interface {
	Certificates
	People
	Review
	ExternalSystems

	Status(context.Context, acts.Actor) (acts.Status, error)
	SensorServers(context.Context, acts.Actor) (acts.SensorServerList, error)
	PreviewAcceptSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	AcceptSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	PreviewRejectSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	RejectSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	PreviewDeleteSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	DeleteSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	SensorHistory(ctx context.Context, who acts.Actor, which string, in acts.ViewHistory) ([]acts.QualityMinute, error) // of its link
	AgentCertificates(context.Context, acts.Actor, acts.AgentCertificateFilter) (acts.AgentCertificateList, error)
	PreviewDeleteAgentCertificates(context.Context, acts.Actor, acts.DeleteAgentCertificates) (acts.Preview, error)
	DeleteAgentCertificates(context.Context, acts.Actor, acts.DeleteAgentCertificates) (acts.Withdrawal, error)
	PreviewSetValidation(context.Context, acts.Actor, acts.SetValidation) (acts.Preview, error)
	SetValidation(context.Context, acts.Actor, acts.SetValidation) (acts.Withdrawal, error)
}
