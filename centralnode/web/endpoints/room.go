package endpoints

import (
	"context"
	"embed"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// Backend performs the acts on hosts.
type Backend interface {
	Hosts(context.Context, acts.Actor, acts.HostFilter) (acts.HostList, error)
	Host(ctx context.Context, who acts.Actor, agentID string) (acts.Host, error)
	Activity(context.Context, acts.Actor) (acts.ActivityThresholds, error)
	SetActivity(context.Context, acts.Actor, acts.SetActivity) (acts.ActivityThresholds, error)
	EventPage(context.Context, acts.Actor, acts.EventFilter) (acts.EventPage, error)
}

// The addresses of the room.
const (
	front      = "/endpoint-agents"
	oneHost    = front + "/{agent}"
	thresholds = front + "/activity"

	title = "Endpoint Agents"
)

//go:embed all:templates
var templates embed.FS

// room is the handlers with what they need.
type room struct {
	kit     *page.Kit
	backend Backend
}

// Register gives the pages of the Endpoint Agents to the Kit.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("endpoints", templates); err != nil {
		return err
	}
	m := &room{kit: k, backend: b}
	k.Get(front, acts.ActViewHosts, m.table)
	k.Get(oneHost, acts.ActViewHosts, m.host)
	k.Get(thresholds, acts.ActSetActivity, m.showActivity)
	k.Post(thresholds, acts.ActSetActivity, m.setActivity)
	return nil
}

// above are the pages that another one of the room belongs to.
func above() []page.Link { return []page.Link{{Text: title, Path: front}} }
