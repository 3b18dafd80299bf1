package admintest

import (
	"path/filepath"
	"slices"
	"testing"

	"vedette/centralnode"
	"vedette/centralnode/store"
	"vedette/internal/kv"
)

// StartWithHosts starts a Central Node that has seen hosts before.
func StartWithHosts(t testing.TB, hosts []store.Host) *World {
	t.Helper()
	dir := t.TempDir()
	state, err := kv.Open(filepath.Join(dir, "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(hosts, 1000) {
		if err := store.New(state).SaveHosts(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	return StartIn(t, dir, centralnode.Scan{})
}
