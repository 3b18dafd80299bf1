package agents

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/centralnode/eventlog"
	"vedette/centralnode/trust"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

// The bounds of a request, before and after decompression.
const (
	maxMessage = 4 << 20
	maxEvents  = eventlog.MaxEvents
	retryAfter = "5" // seconds; agents add jitter of their own
	// compressFrom is the size of an answer that is worth compressing.
	compressFrom = 1 << 10
)

var (
	errTooManyHosts  = fmt.Errorf("the table of hosts is full (%d)", maxHosts)
	errTooManyQueues = errors.New("this agent id takes new queue ids too often; if agents share it, give each an installation of its own")
)

// Gate admits what is about to be made durable.
type Gate interface {
	Admit(ctx context.Context, door trust.Door) (trust.Admission, error)
}

// EventLog makes packages durable.
type EventLog interface {
	Append(ctx context.Context, p eventlog.Package) (eventlog.Receipt, error)
}

// Service answers agents.
type Service struct {
	gate  Gate
	log   EventLog
	table *Table
	now   func() time.Time
	// refused counts packages that were answered "try again".
	refused atomic.Uint64
	// packages and events count what was made durable.
	packages, events atomic.Uint64
}

// NewService makes a Service.
func NewService(gate Gate, log EventLog, table *Table, now func() time.Time) *Service {
	return &Service{gate: gate, log: log, table: table, now: now}
}

// Handler returns the handler of the agent service and the patterns that it
// serves: exactly its methods.
func (s *Service) Handler() ([]string, http.Handler) {
	_, handler := agentv1connect.NewAgentServiceHandler(s, options())
	patterns := []string{agentv1connect.AgentServiceSyncProcedure, agentv1connect.AgentServiceSendEventsProcedure}
	return patterns, newIntake(maxBuffered, maxDecoding).wrap(s.packets(handler))
}

// options are those of all methods.
func options() connect.HandlerOption {
	return connect.WithHandlerOptions(connect.WithReadMaxBytes(maxMessage), connect.WithCompressMinBytes(compressFrom), withZstd())
}

// Taken counts the packages, and the events in them, that were acknowledged
// since start; one that came again counts again.
func (s *Service) Taken() (packages, events uint64) { return s.packages.Load(), s.events.Load() }

// Refused counts the packages that were answered "try again" since start.
func (s *Service) Refused() uint64 { return s.refused.Load() }

// Sync implements agentv1connect.AgentServiceHandler.
func (s *Service) Sync(ctx context.Context, r *agentv1.SyncRequest) (*agentv1.SyncResponse, error) {
	if err := errors.Join(checkID("agent_id", r.GetAgentId()), checkID("queue_id", r.GetQueueId())); err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	admission, err := s.gate.Admit(ctx, trust.AgentService)
	if err != nil {
		return nil, connect.NewError(connect.CodeAborted, err)
	}
	defer admission.Release()
	if err := s.table.sync(ctx, admission.Caller, r); err != nil {
		return nil, s.refusal(err)
	}
	return &agentv1.SyncResponse{Clock: timestamppb.New(s.now())}, nil
}

// SendEvents implements agentv1connect.AgentServiceHandler.
func (s *Service) SendEvents(ctx context.Context, r *agentv1.SendEventsRequest) (*agentv1.SendEventsResponse, error) {
	return s.take(ctx, len(r.GetEvents()), eventlog.Package{
		AgentID: r.GetAgentId(), QueueID: r.GetQueueId(), Seq: r.GetSeq(), Events: r.GetEvents(),
	})
}

// take makes a package of n events durable. The package comes with what the
// agent said, and is given what is known of its caller.
func (s *Service) take(ctx context.Context, n int, p eventlog.Package) (*agentv1.SendEventsResponse, error) {
	if err := errors.Join(checkID("agent_id", p.AgentID), checkID("queue_id", p.QueueID)); err != nil {
		return nil, connect.NewError(connect.CodeInvalidArgument, err)
	}
	if n == 0 || n > maxEvents {
		return nil, connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("a package holds 1 to %d events, this one %d", maxEvents, n))
	}
	admission, err := s.gate.Admit(ctx, trust.AgentService)
	if err != nil {
		return nil, connect.NewError(connect.CodeAborted, err)
	}
	defer admission.Release()
	if p.Host, err = s.table.seen(admission.Caller, p.AgentID, p.QueueID); err != nil {
		return nil, s.refusal(err)
	}
	p.Way, p.Remote, p.Leaf = admission.Caller.Way, admission.Caller.Remote.Addr().String(), admission.Caller.Leaf
	p.PolicyRevision = admission.Revision
	receipt, err := s.log.Append(ctx, p)
	if err != nil {
		return nil, s.refusal(err)
	}
	s.packages.Add(1)
	s.events.Add(uint64(n))
	return &agentv1.SendEventsResponse{DurableSeq: receipt.DurableSeq}, nil
}

// refusal translates an error for the agent. What it must send again is
// answered "unavailable" with Retry-After; nothing else is.
func (s *Service) refusal(err error) error {
	switch {
	case errors.Is(err, eventlog.ErrConflict):
		return connect.NewError(connect.CodeAlreadyExists, err)
	case errors.Is(err, eventlog.ErrSeqJump):
		return connect.NewError(connect.CodeOutOfRange, err)
	case errors.Is(err, eventlog.ErrTooLarge), errors.Is(err, errTooManyHosts), errors.Is(err, errTooManyQueues):
		return connect.NewError(connect.CodeResourceExhausted, err)
	case errors.Is(err, eventlog.ErrInvalid):
		return connect.NewError(connect.CodeInvalidArgument, err)
	default:
		s.refused.Add(1)
		// The cause is in the log; a caller learns only that it is not its fault.
		e := connect.NewError(connect.CodeUnavailable, errors.New("events cannot be made durable now; send the package again"))
		e.Meta().Set("Retry-After", retryAfter)
		return e
	}
}
