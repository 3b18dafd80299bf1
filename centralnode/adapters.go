package centralnode

import (
	"context"

	"vedette/centralnode/eventlog"
	"vedette/centralnode/gateway"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/proto/link"
)

// sensorDoor is the gateway as the room of Sensors sees it.
type sensorDoor struct{ *gateway.Gateway }

func (d sensorDoor) Carry(s *link.Stream, c trust.Caller, cut link.Code) { d.Gateway.Carry(s, c, cut) }

// checkpoints gives the event log its place in the store.
type checkpoints struct{ s *store.Store }

func (c checkpoints) Load(ctx context.Context, k eventlog.QueueKey) (eventlog.QueueState, bool, error) {
	q, found, err := c.s.EventQueue(ctx, k.AgentID, k.QueueID)
	return eventlog.QueueState{Highest: q.Highest, Recent: q.Recent}, found, err
}

func (c checkpoints) Position(ctx context.Context) (eventlog.Position, error) {
	p, err := c.s.EventPosition(ctx)
	return eventlog.Position{Store: p.Store, Seq: p.Seq}, err
}

func (c checkpoints) Save(ctx context.Context, changed map[eventlog.QueueKey]eventlog.QueueState, at eventlog.Position) error {
	queues := make([]store.EventQueue, 0, len(changed))
	for k, s := range changed {
		queues = append(queues, store.EventQueue{AgentID: k.AgentID, QueueID: k.QueueID, Highest: s.Highest, Recent: s.Recent})
	}
	return c.s.SaveEventCheckpoint(ctx, queues, store.EventPosition{Store: at.Store, Seq: at.Seq})
}
