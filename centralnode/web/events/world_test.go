package events_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/events"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// evil is what a host calls itself, and everything else.
const evil = `<script>alert(1)</script>"' onmouseover=x \u{202e}`

// world is a Central Node with an agent, and somebody who looks at its events.
type world struct {
	*admintest.World
	*pagetest.Browser
	t     testing.TB
	agent agentv1connect.AgentServiceClient
	seq   uint64
}

func start(t testing.TB) *world {
	t.Helper()
	w := &world{World: admintest.Start(t), t: t}
	w.agent = w.Agent(nil)
	w.Browser = pagetest.New(t, func(k *page.Kit) error { return events.Register(k, w.World, time.Now) }).SignedIn(acts.SecurityOfficer)
	return w
}

// called gives the agent's host a name.
func (w *world) called(name string) {
	w.t.Helper()
	if _, err := w.agent.Sync(w.t.Context(), &agentv1.SyncRequest{AgentId: admintest.AgentID, QueueId: admintest.QueueID, Host: &agentv1.Host{Name: name}}); err != nil {
		w.t.Fatal(err)
	}
}

// took sends a package and fails the test unless it is durable.
func (w *world) took(package_ ...*agentv1.Event) {
	w.t.Helper()
	w.seq++
	_, err := w.agent.SendEvents(w.t.Context(), &agentv1.SendEventsRequest{AgentId: admintest.AgentID, QueueId: admintest.QueueID, Seq: w.seq, Events: package_})
	if err != nil {
		w.t.Fatal(err)
	}
}

// started is the start of a process.
func started(program string, args ...string) *agentv1.Event {
	return &agentv1.Event{Id: admintest.AgentID, Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
		Pid: 7, Executable: program, Args: append([]string{program}, args...), UserName: "alice", UserId: "1000", WorkingDirectory: "/home/alice", ParentPid: 1, ParentExecutable: "/sbin/init",
	}}}
}

// numbered are starts of programs with numbers, from one to the other.
func numbered(from, to int) []*agentv1.Event {
	var out []*agentv1.Event
	for n := from; n <= to; n++ {
		out = append(out, started(fmt.Sprintf("/bin/tool-%d", n)))
	}
	return out
}
