package main

import (
	"context"

	"vedette/adminmenu"
	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// Admin performs administrative acts; *admin.Admin of the Central Node is one.
// It has what the menu needs, and what only commands do.
type Admin interface {
	adminmenu.CentralNode
	cli.AccountAdmin
	cli.CertificateAdmin
	cli.AuditAdmin

	GenerateAgentCertificate(context.Context, acts.Actor, acts.GenerateAgentCertificate) (acts.GeneratedAgentCertificate, error)
	UploadAgentCertificates(context.Context, acts.Actor, []acts.UploadAgentCertificate) (acts.UploadedAgentCertificates, error)

	SensorServer(ctx context.Context, who acts.Actor, which string) (acts.SensorServer, error)

	ExternalSystem(ctx context.Context, who acts.Actor, which string) (acts.ExternalSystem, error)
	Alerts(context.Context, acts.Actor, acts.AlertFilter) (acts.AlertList, error)
	Alert(ctx context.Context, who acts.Actor, id int64) (acts.Alert, error)
	SetAlertState(context.Context, acts.Actor, acts.SetAlertState) (acts.Alert, error)
	ScanStatus(context.Context, acts.Actor) (acts.ScanStatus, error)

	Hosts(context.Context, acts.Actor, acts.HostFilter) (acts.HostList, error)
	Host(ctx context.Context, who acts.Actor, agentID string) (acts.Host, error)
	Activity(context.Context, acts.Actor) (acts.ActivityThresholds, error)
	PreviewSetActivity(context.Context, acts.Actor, acts.SetActivity) (acts.Preview, error)
	SetActivity(context.Context, acts.Actor, acts.SetActivity) (acts.ActivityThresholds, error)
	Events(ctx context.Context, who acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error
	WatchEvents(ctx context.Context, who acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error
}
