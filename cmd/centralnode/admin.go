package main

import (
	"context"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// Admin performs administrative acts; *admin.Admin of the Central Node is one.
type Admin interface {
	cli.CertificateAdmin
	cli.AuditAdmin

	Status(context.Context, acts.Actor) (acts.Status, error)

	AgentCertificates(context.Context, acts.Actor, acts.AgentCertificateFilter) (acts.AgentCertificateList, error)
	GenerateAgentCertificate(context.Context, acts.Actor, acts.GenerateAgentCertificate) (acts.GeneratedAgentCertificate, error)
	UploadAgentCertificates(context.Context, acts.Actor, []acts.UploadAgentCertificate) (acts.UploadedAgentCertificates, error)
	PreviewDeleteAgentCertificates(context.Context, acts.Actor, acts.DeleteAgentCertificates) (acts.Preview, error)
	DeleteAgentCertificates(context.Context, acts.Actor, acts.DeleteAgentCertificates) (acts.Withdrawal, error)
	PreviewSetValidation(context.Context, acts.Actor, acts.SetValidation) (acts.Preview, error)
	SetValidation(context.Context, acts.Actor, acts.SetValidation) (acts.Withdrawal, error)

	SensorServers(context.Context, acts.Actor) (acts.SensorServerList, error)
	SensorServer(ctx context.Context, who acts.Actor, which string) (acts.SensorServer, error)
	PreviewAcceptSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	AcceptSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	PreviewRejectSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	RejectSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	PreviewDeleteSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	DeleteSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)

	Hosts(context.Context, acts.Actor, acts.HostFilter) ([]acts.Host, error)
	Events(ctx context.Context, who acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error
	WatchEvents(ctx context.Context, who acts.Actor, f acts.EventFilter, yield func(acts.Event) bool) error
}
