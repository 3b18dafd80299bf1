package main

import (
	"context"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// Admin performs administrative acts; *admin.Admin of the Sensor is one.
type Admin interface {
	cli.CertificateAdmin
	cli.AuditAdmin

	Status(context.Context, acts.Actor) (acts.SensorStatus, error)
	CentralNode(context.Context, acts.Actor) (acts.CentralNode, error)
	PreviewSetCentralNode(context.Context, acts.Actor, acts.SetCentralNode) (acts.Preview, error)
	SetCentralNode(context.Context, acts.Actor, acts.SetCentralNode) (acts.CentralNode, error)
	Link(context.Context, acts.Actor) (acts.Link, error)
	WatchLink(ctx context.Context, who acts.Actor, yield func(acts.Link) bool) error
}
