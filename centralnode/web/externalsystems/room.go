package externalsystems

import (
	"context"
	"embed"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// Backend is what the pages ask the acts for.
type Backend interface {
	May(actor acts.Actor, act string) bool
	ExternalSystemPage(context.Context, acts.Actor, acts.ServerFilter) (acts.ExternalSystemPage, error)
	ExternalSystemDetail(ctx context.Context, actor acts.Actor, id string, certificate pki.Fingerprint) (acts.ExternalSystemDetail, error)
	PreviewAcceptExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error)
	AcceptExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error)
	PreviewRejectExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error)
	RejectExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error)
	PreviewDeleteExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error)
	DeleteExternalSystem(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error)
	PreviewSetScanPriority(context.Context, acts.Actor, acts.SetScanPriority) (acts.Preview, error)
	SetScanPriority(context.Context, acts.Actor, acts.SetScanPriority) (acts.ScanPriority, error)
}

// The addresses of the pages. A system stands in them by its certificate and
// then its ID, each a part of the path of its own: what a caller made up can be
// taken neither for a fingerprint nor for a word of ours.
const (
	listPath     = "/external-systems"
	systemPath   = listPath + "/{certificate}/{id}"
	priorityPath = listPath + "/priority"
)

// title is the documented name of the section.
const title = "External systems"

//go:embed templates
var templates embed.FS

type room struct {
	kit     *page.Kit
	backend Backend
}

// Register gives the Kit the pages of the room.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("externalsystems", templates); err != nil {
		return err
	}
	m := &room{kit: k, backend: b}
	k.Get(listPath, acts.ActViewSystems, m.list)
	k.Get(systemPath, acts.ActViewSystems, m.system)
	for _, d := range m.decisions() {
		k.Get(systemPath+"/"+d.word, d.act, m.ask(d))
		k.Post(systemPath+"/"+d.word, d.act, m.decide(d))
	}
	k.Post(priorityPath, acts.ActSetScanPriority, m.setPriority)
	return nil
}
