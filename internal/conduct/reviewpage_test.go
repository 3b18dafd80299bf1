package conduct_test

import (
	"fmt"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/kv"
)

func TestRecordsAreShownByPageAndExportedWhole(t *testing.T) {
	review, trail, state := reviewOver(t)
	for i := range 7 {
		if err := trail.Note(t.Context(), audit.Record{Account: "eve\x1b[31m", Act: fmt.Sprintf("act %d", i%2), Result: audit.Failed}); err != nil {
			t.Fatal(err)
		}
	}
	page := func(f acts.AuditFilter) string {
		t.Helper()
		got, err := review.AuditPage(t.Context(), actor, f)
		if err != nil || got.Total != 7 {
			t.Fatal(got, err)
		}
		out := ""
		for _, r := range got.Records {
			out += fmt.Sprint(r.Seq, " ")
			if strings.Contains(r.Account, "\x1b") {
				t.Errorf("foreign text: %+v", r)
			}
		}
		return out + fmt.Sprint("then ", got.Before)
	}
	for _, c := range []struct {
		f    acts.AuditFilter
		want string
	}{
		{acts.AuditFilter{Limit: 3}, "7 6 5 then 5"}, {acts.AuditFilter{Limit: 3, Before: 5}, "4 3 2 then 2"}, {acts.AuditFilter{Limit: 3, Before: 2}, "1 then 0"},
		{acts.AuditFilter{Limit: 7}, "7 6 5 4 3 2 1 then 0"}, {acts.AuditFilter{Act: "act 1", Limit: 2}, "6 4 then 4"}, {acts.AuditFilter{Result: acts.AuditDone}, "then 0"},
	} {
		if got := page(c.f); got != c.want {
			t.Errorf("%+v: %s, want %s", c.f, got, c.want)
		}
	}
	if one, err := review.AuditRecord(t.Context(), actor, 4); err != nil || one.Seq != 4 || one.Act != "act 1" || strings.Contains(one.Account, "\x1b") {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := review.AuditRecord(t.Context(), actor, 8); acts.CodeOf(err) != acts.NotFound {
		t.Error(err)
	}
	n := 0
	if err := review.EachAudit(t.Context(), actor, acts.AuditFilter{Act: "act 0"}, func(acts.AuditRecord) bool { n++; return n < 3 }); err != nil || n != 3 {
		t.Error(n, err)
	}
	for name, f := range map[string]acts.AuditFilter{"result": {Result: "gone"}, "limit": {Limit: -1}} {
		if _, err := review.AuditPage(t.Context(), actor, f); acts.CodeOf(err) != acts.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	officer := acts.Actor{Account: "bob", Role: acts.SecurityOfficer}
	if _, err := review.AuditPage(t.Context(), officer, acts.AuditFilter{}); acts.CodeOf(err) != acts.NotAllowed {
		t.Error(err)
	}
	if _, err := review.AuditRecord(t.Context(), officer, 4); acts.CodeOf(err) != acts.NotAllowed {
		t.Error(err)
	}
	if err := review.EachAudit(t.Context(), officer, acts.AuditFilter{}, func(acts.AuditRecord) bool { t.Error("it is exported"); return true }); acts.CodeOf(err) != acts.NotAllowed {
		t.Error(err)
	}

	// Another hand changes a record: that is said by number, and makes no further
	// records however often somebody looks.
	head, err := trail.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries, _, err := state.List(t.Context(), "audit/0")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(entries[2].Value), `"act":"act 0"`, `"act":"act 1"`, 1)
	if _, err := state.Apply(t.Context(), []kv.Op{{Key: entries[2].Key, Value: []byte(changed)}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := review.AuditPage(t.Context(), actor, acts.AuditFilter{}); acts.CodeOf(err) != acts.Failed || !strings.Contains(err.Error(), "audit record 3") {
		t.Error(err)
	}
	check, err := review.VerifyAudit(t.Context(), actor)
	if acts.CodeOf(err) != acts.Failed || check.Records != 2 || !strings.Contains(check.Broken, "audit record 3") {
		t.Error(check, err)
	}
	if after, err := trail.Head(t.Context()); err != nil || after != head {
		t.Errorf("%+v, then %+v, %v", head, after, err)
	}
}
