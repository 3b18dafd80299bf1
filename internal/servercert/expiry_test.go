package servercert_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/kv"
	"vedette/internal/servercert"
)

func TestExpiryIsWarnedOfAndStopsNothing(t *testing.T) {
	state, err := kv.Open(filepath.Join(t.TempDir(), "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	now := time.Now()
	w := &world{state: state}
	keeper, _, err := servercert.Open(t.Context(), servercert.Config{State: state, Now: func() time.Time { return now }}, w.commit)
	if err != nil {
		t.Fatal(err)
	}
	watch := func() string {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // one look is made all the same
		var logs bytes.Buffer
		keeper.WatchExpiry(ctx, slog.New(slog.NewTextHandler(&logs, nil)))
		return logs.String()
	}
	if text := watch(); text != "" {
		t.Errorf("a new certificate is warned of: %s", text)
	}
	now = now.AddDate(20, 0, 0)
	if text := watch(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, keeper.Pair().Fingerprint().String()) {
		t.Errorf("an expired one: %q", text)
	}
}
