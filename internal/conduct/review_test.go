package conduct_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/conduct"
	"vedette/internal/kv"
	"vedette/internal/sessions"
)

// reviewOver are the acts of looking at a trail, for auditors only.
func reviewOver(t *testing.T) (*conduct.Review, *audit.Trail, *kv.Store) {
	t.Helper()
	state, err := kv.Open(filepath.Join(t.TempDir(), "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	trail := audit.New(state, time.Now)
	may := func(r acts.Role, act string) bool { return act == conduct.ActReview && r == acts.SecurityAuditor }
	return conduct.NewReview(conduct.New(trail, sessions.NewTable(), may, slog.New(slog.DiscardHandler))), trail, state
}

func TestRecordsAreShownOldestFirstAndCleaned(t *testing.T) {
	review, trail, state := reviewOver(t)
	for _, act := range []string{"one", "two", "three"} {
		if err := trail.Note(t.Context(), audit.Record{Account: "eve\x1b[31m", Act: act, Subject: []string{"it\r\n"}, Detail: "\x07"}); err != nil {
			t.Fatal(err)
		}
	}
	var shown []string
	records, err := review.Audit(t.Context(), actor, acts.AuditFilter{Limit: 2})
	for _, r := range records {
		shown = append(shown, r.Act)
		if strings.ContainsAny(r.Account+r.Subject[0]+r.Detail, "\x1b\r\n\x07") {
			t.Errorf("foreign text: %+v", r)
		}
	}
	if err != nil || !slices.Equal(shown, []string{"two", "three"}) {
		t.Errorf("shown %q, %v", shown, err)
	}
	check, err := review.VerifyAudit(t.Context(), actor)
	if err != nil || check.Records != 3 || check.Head != records[1].Hash {
		t.Errorf("check %+v, %v", check, err)
	}

	officer := acts.Actor{Account: "bob", Role: acts.SecurityOfficer}
	if _, err := review.Audit(t.Context(), officer, acts.AuditFilter{}); acts.CodeOf(err) != acts.NotAllowed {
		t.Errorf("an officer looks: %v", err)
	}
	if _, err := review.VerifyAudit(t.Context(), officer); acts.CodeOf(err) != acts.NotAllowed {
		t.Errorf("an officer verifies: %v", err)
	}

	// Another hand changes a record.
	entries, _, err := state.List(t.Context(), "audit/0")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(entries[1].Value), `"act":"two"`, `"act":"zwo"`, 1)
	if _, err := state.Apply(t.Context(), []kv.Op{{Key: entries[1].Key, Value: []byte(changed)}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := review.VerifyAudit(t.Context(), actor); acts.CodeOf(err) != acts.Failed || !strings.Contains(err.Error(), "record 2") {
		t.Errorf("a changed record: %v", err)
	}
	if _, err := review.Audit(t.Context(), actor, acts.AuditFilter{}); acts.CodeOf(err) != acts.Failed {
		t.Errorf("a changed record is shown: %v", err)
	}
}
