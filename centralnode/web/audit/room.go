package audit

import (
	"context"
	"embed"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// Backend performs the acts on audit records.
type Backend interface {
	AuditPage(context.Context, acts.Actor, acts.AuditFilter) (acts.AuditPage, error)
	AuditRecord(ctx context.Context, who acts.Actor, seq uint64) (acts.AuditRecord, error)
	EachAudit(ctx context.Context, who acts.Actor, f acts.AuditFilter, yield func(acts.AuditRecord) bool) error
	VerifyAudit(context.Context, acts.Actor) (acts.AuditCheck, error)
}

// The addresses of the room.
const (
	front   = "/audit"
	one     = front + "/{number}"
	verify  = front + "/verify"
	csvFile = front + "/export.csv"
	jsonl   = front + "/export.jsonl"
	title   = "Audit"
)

//go:embed all:templates
var templates embed.FS

type room struct {
	backend  Backend
	patience time.Duration // of whoever waits for the check
}

// Register gives the pages of the audit to the Kit.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("audit", templates); err != nil {
		return err
	}
	m := &room{backend: b, patience: patience}
	k.Get(front, conduct.ActReview, m.list)
	k.Get(one, conduct.ActReview, m.record)
	k.Get(verify, conduct.ActReview, m.verify)
	k.Stream(csvFile, conduct.ActReview, m.exportCSV)
	k.Stream(jsonl, conduct.ActReview, m.exportJSON)
	return nil
}
