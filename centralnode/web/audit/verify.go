package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

const (
	// patience is how long the check may take before the browser would get half an
	// answer, or none.
	patience = 45 * time.Second
	// checked is how many records a slow machine checks in a second, and quick how
	// many are checked before anybody wonders.
	checked = 25_000
	quick   = 2 * checked
)

// slow says beforehand how long the check of so many records takes; empty: not
// long.
func slow(records uint64) string {
	if records <= quick {
		return ""
	}
	return fmt.Sprintf("takes about %d s", records/checked)
}

// verify walks the whole chain, and says what it found: a chain that is broken
// is an answer too.
func (m *room) verify(r *page.Request) (page.View, error) {
	ctx, cancel := context.WithTimeout(r.Context(), m.patience)
	defer cancel()
	check, err := m.backend.VerifyAudit(ctx, r.Actor)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil && check.Broken == "" {
		return page.View{}, &acts.Error{
			Code: acts.Unavailable, Text: "the check was not done in the time that a browser waits", Hint: "run it as a command, which waits: audit verify", Err: err,
		}
	}
	if err != nil && check.Broken == "" {
		return page.View{}, err
	}
	return page.View{
		Template: "audit/verify.html", Title: "Check of the audit", Above: []page.Link{{Text: title, Path: front}},
		Data: struct {
			acts.AuditCheck
			Back string
		}{check, front},
	}, nil
}
