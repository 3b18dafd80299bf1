package agents_test

import (
	"fmt"
	"strings"
	"testing"

	agentv1 "vedette/proto/agent/v1"
)

func TestHostsComeByNameAlsoAfterOneWasRenamed(t *testing.T) {
	w := start(t)
	call := func(n int, name string) {
		t.Helper()
		id := fmt.Sprintf("%032x", n)
		if _, err := w.client.Sync(t.Context(), &agentv1.SyncRequest{AgentId: id, QueueId: id, Host: &agentv1.Host{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	names := func() string {
		var all []string
		for _, h := range w.table.Hosts() {
			all = append(all, h.Name)
		}
		return strings.Join(all, " ")
	}
	call(1, "b")
	call(2, "a")
	call(3, "b")
	if got := names(); got != "a b b" || w.table.Hosts()[1].AgentID > w.table.Hosts()[2].AgentID {
		t.Errorf("hosts %q", got)
	}
	call(2, "c")
	if got := names(); got != "b b c" {
		t.Errorf("after one was renamed: %q", got)
	}
	call(4, "0")
	if got := names(); got != "0 b b c" {
		t.Errorf("with a new one: %q", got)
	}
	if h, ok := w.table.Host(fmt.Sprintf("%032x", 2)); !ok || h.Name != "c" {
		t.Errorf("one host: %+v, %v", h, ok)
	}
	if _, ok := w.table.Host("nobody"); ok {
		t.Error("a host that was never heard of is known")
	}
}
