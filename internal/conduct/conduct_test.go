package conduct_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/conduct"
	"vedette/internal/kv"
	"vedette/internal/sessions"
)

var actor = acts.Actor{Account: "eve", Role: acts.SecurityAuditor, Face: acts.FaceCommand, From: "192.0.2.1"}

func desk(t *testing.T) (*conduct.Desk, *audit.Trail, *bytes.Buffer) {
	t.Helper()
	d, trail, _, logs := deskOver(t)
	return d, trail, logs
}

func deskOver(t *testing.T) (*conduct.Desk, *audit.Trail, *kv.Store, *bytes.Buffer) {
	t.Helper()
	state, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	logs := &bytes.Buffer{}
	trail := audit.New(state, time.Now)
	may := func(_ acts.Role, act string) bool { return act == "look" }
	return conduct.New(trail, sessions.NewTable(), may, slog.New(slog.NewTextHandler(logs, nil))), trail, state, logs
}

func TestEachErrorHasItsFormAndItsRecord(t *testing.T) {
	secret := errors.New("the cause")
	for name, c := range map[string]struct {
		err    error
		code   acts.Code
		result string
	}{
		"a refusal keeps its words": {conduct.Invalid("no", "do this"), acts.Invalid, audit.Refused},
		"somebody was faster":       {&kv.ConflictError{Key: "k"}, acts.Stale, audit.Refused},
		"the disk is full":          {&kv.StorageError{Text: "disk full", Next: "free space"}, acts.Unavailable, audit.Failed},
		"interrupted":               {context.Canceled, acts.Unavailable, audit.Failed},
		"something else":            {secret, acts.Failed, audit.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			d, trail, logs := desk(t)
			var got *acts.Error
			if err := d.Failed(t.Context(), actor, "do", []string{"it"}, c.err); !errors.As(err, &got) || got.Code != c.code || got.Text == "" || got.Hint == "" {
				t.Fatalf("error %+v, want code %q", got, c.code)
			}
			if strings.Contains(got.Text, "the cause") || !strings.Contains(logs.String(), strings.Trim(strconv.Quote(c.err.Error()), `"`)) {
				t.Errorf("the cause belongs into the log only: text %q, log %s", got.Text, logs)
			}
			records, err := trail.List(t.Context(), audit.Filter{})
			if err != nil || len(records) != 1 || records[0].Result != c.result || records[0].Account != "eve" || records[0].Subject[0] != "it" {
				t.Fatalf("records %+v, %v", records, err)
			}
		})
	}
}

func TestALookThatNobodyWaitsForLeavesNoRecord(t *testing.T) {
	d, trail, _ := desk(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, act := range []string{"host view", "host delete"} {
		if err := d.Failed(ctx, actor, act, nil, ctx.Err()); acts.CodeOf(err) != acts.Unavailable {
			t.Errorf("%s: %v", act, err)
		}
	}
	records, err := trail.List(t.Context(), audit.Filter{})
	if err != nil || len(records) != 1 || records[0].Act != "host delete" {
		t.Fatalf("records %+v, %v", records, err)
	}
}

// Who only asks changes nothing, or a page of another site could write in his
// name.
func TestPreviewsAndLooksForNothingLeaveNoRecord(t *testing.T) {
	d, trail, logs := desk(t)
	for _, err := range []error{conduct.Invalid("no", "do this"), &kv.ConflictError{Key: "k"}, &kv.StorageError{Text: "disk full", Next: "free space"}} {
		var got *acts.Error
		if err := d.NotPreviewed(t.Context(), "do", []string{"it"}, err); !errors.As(err, &got) || got.Text == "" || got.Hint == "" {
			t.Errorf("%+v", got)
		}
	}
	if logs.Len() > 0 {
		t.Errorf("the log says %s", logs)
	}
	if err := d.NotPreviewed(t.Context(), "do", nil, errors.New("the cause")); acts.CodeOf(err) != acts.Failed || !strings.Contains(logs.String(), "the cause") {
		t.Errorf("%v; the log says %s", err, logs)
	}
	if err := d.Failed(t.Context(), actor, "host view", nil, &acts.Error{Code: acts.NotFound, Text: "there is no such host"}); acts.CodeOf(err) != acts.NotFound {
		t.Error(err)
	}
	if records, err := trail.List(t.Context(), audit.Filter{}); err != nil || len(records) != 0 {
		t.Fatalf("records %+v, %v", records, err)
	}
	if err := d.Failed(t.Context(), actor, "host view", nil, errors.New("the disk")); acts.CodeOf(err) != acts.Failed {
		t.Error(err)
	}
	if records, err := trail.List(t.Context(), audit.Filter{}); err != nil || len(records) != 1 {
		t.Fatalf("what the daemon cannot show: records %+v, %v", records, err)
	}
}

func TestPermitAsksTheTableAndRecordsRefusals(t *testing.T) {
	d, trail, _ := desk(t)
	if err := d.Permit(t.Context(), actor, "look"); err != nil {
		t.Fatal(err)
	}
	if err := d.Permit(t.Context(), actor, "break"); acts.CodeOf(err) != acts.NotAllowed {
		t.Fatalf("error %v", err)
	}
	records, err := trail.List(t.Context(), audit.Filter{})
	if err != nil || len(records) != 1 || records[0].Act != "break" || records[0].Result != audit.Refused {
		t.Fatalf("records %+v, %v", records, err)
	}
}

func TestChangeAndRecordAreOne(t *testing.T) {
	d, trail, _ := desk(t)
	ops := []kv.Op{{Key: "k", Value: []byte("v")}}
	if _, err := d.Commit(t.Context(), actor, "do", nil, "", ops, []kv.Expect{{Key: "k"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(t.Context(), actor, "do", nil, "", ops, []kv.Expect{{Key: "k"}}); err == nil {
		t.Fatal("the second change was made on a stale view")
	}
	if n, err := trail.Verify(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d records, %v; want the one of the change that was made", n, err)
	}
}
