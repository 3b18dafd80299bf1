package agentv1_test

import (
	"flag"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/golden"
)

var _ = flag.Bool("update", false, "write the golden frames anew")

// TestMessagesKeepTheirBytes holds the encoding of version 1: agents of every
// later version have to be understood by servers of this one, and back.
func TestMessagesKeepTheirBytes(t *testing.T) {
	at := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	const id, queue = "0123456789abcdef0123456789abcdef", "00112233445566778899aabbccddeeff"
	golden.Check(t, map[string]proto.Message{
		"sync_request": &agentv1.SyncRequest{
			AgentId: id, QueueId: queue,
			Host: &agentv1.Host{
				Name: "web-1", Addresses: []string{"192.0.2.1", "2001:db8::1"}, OsFamily: "linux", OsName: "Debian GNU/Linux",
				OsVersion: "12", AgentVersion: "0.1.0", Collector: "proc-connector",
			},
			State: &agentv1.AgentState{Clock: at, QueuedPackages: 1, QueuedBytes: 2, Dropped: map[string]uint64{"queue-full": 3}, Suppressed: 4},
		},
		"sync_response": &agentv1.SyncResponse{NextPin: make([]byte, 32), Clock: at, Settings: &agentv1.Settings{}},
		"send_events_request": &agentv1.SendEventsRequest{
			AgentId: id, QueueId: queue, Seq: 7,
			Events: []*agentv1.Event{
				{Id: queue, Time: at, Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
					Pid: 42, ParentPid: 1, Executable: "/bin/ls", Args: []string{"ls", "-l"}, UserId: "0", UserName: "root",
					WorkingDirectory: "/", ParentExecutable: "/bin/sh", Incomplete: true,
				}}},
				{Id: queue, Time: at, Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{Pid: 42, ExitCode: 137, Executable: "/bin/ls"}}},
				{Id: queue, Time: at, Kind: &agentv1.Event_CollectorNotice{CollectorNotice: &agentv1.CollectorNotice{Code: "queue-full", Text: "t", Count: 9}}},
			},
		},
		"send_events_response": &agentv1.SendEventsResponse{DurableSeq: 7},
	})
}
