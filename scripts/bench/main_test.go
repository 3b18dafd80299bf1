package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNoScenarioIsMeasuredBesideOneThatThereIsNot(t *testing.T) {
	const kept = "of an earlier run"
	out := t.TempDir()
	results := filepath.Join(out, "results.json")
	if err := os.WriteFile(results, []byte(kept), 0o600); err != nil {
		t.Fatal(err)
	}
	for only, wrong := range map[string]string{"WRONG": "WRONG", "withdraw,WRONG": "WRONG", "": "", "idle,": ""} {
		want := "there is no scenario " + wrong + "; there are ingest, fsync, idle, withdraw, restart, agent, scale"
		b := &bench{bin: t.TempDir()}
		if err := run(t.Context(), b, out, only); err == nil || err.Error() != want {
			t.Errorf("-only %q: %v, want %s", only, err, want)
		}
		if raw, err := os.ReadFile(results); err != nil || string(raw) != kept || b.dir != "" {
			t.Errorf("-only %q: results %q, %v, folder %q", only, raw, err, b.dir)
		}
	}
}
