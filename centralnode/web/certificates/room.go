package certificates

import (
	"context"
	"embed"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/servercert"
)

// Backend performs the acts on certificates.
type Backend interface {
	ServerCertificate(context.Context, acts.Actor) (acts.ServerCertificate, error)
	PreviewGenerateServerCertificate(context.Context, acts.Actor, acts.GenerateServerCertificate) (acts.Preview, error)
	GenerateServerCertificate(context.Context, acts.Actor, acts.GenerateServerCertificate) (acts.ServerCertificate, error)
	PreviewInstallServerCertificate(context.Context, acts.Actor, acts.InstallServerCertificate) (acts.Preview, error)
	InstallServerCertificate(context.Context, acts.Actor, acts.InstallServerCertificate) (acts.ServerCertificate, error)
	DiscardServerCertificate(context.Context, acts.Actor, acts.DiscardServerCertificate) error

	AgentCertificates(context.Context, acts.Actor, acts.AgentCertificateFilter) (acts.AgentCertificateList, error)
	GenerateAgentCertificate(context.Context, acts.Actor, acts.GenerateAgentCertificate) (acts.GeneratedAgentCertificate, error)
	UploadAgentCertificates(context.Context, acts.Actor, []acts.UploadAgentCertificate) (acts.UploadedAgentCertificates, error)
	PreviewDeleteAgentCertificates(context.Context, acts.Actor, acts.DeleteAgentCertificates) (acts.Preview, error)
	DeleteAgentCertificates(context.Context, acts.Actor, acts.DeleteAgentCertificates) (acts.Withdrawal, error)
	PreviewSetValidation(context.Context, acts.Actor, acts.SetValidation) (acts.Preview, error)
	SetValidation(context.Context, acts.Actor, acts.SetValidation) (acts.Withdrawal, error)
}

// The addresses of the room.
const (
	front = "/settings/certificates"

	downloadServer = front + "/server/download"
	generateServer = front + "/server/generate"
	uploadServer   = front + "/server/upload" // then, with a name after it: the window that asks
	installServer  = front + "/server/install"
	discardServer  = front + "/server/discard"

	generateAgent  = front + "/agent/generate"
	fetchPFX       = front + "/agent/pfx" // with a name after it
	uploadAgents   = front + "/agent/upload"
	deleteAgents   = front + "/agent/delete"
	setValidation  = front + "/agent/validation"
	serverPanel    = front + "#server-certificate"
	agentsPanel    = front + "#agent-certificates"
	title          = "Certificates"
	pfxLifetime    = time.Minute
	uploadLifetime = 10 * time.Minute
)

//go:embed templates/*.html
var templates embed.FS

// room is the handlers with what they need.
type room struct {
	kit     *page.Kit
	backend Backend
}

// Register gives the pages of certificates to the Kit.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("certificates", templates); err != nil {
		return err
	}
	m := &room{kit: k, backend: b}
	// Who goes to the address of a form by hand sees the page that it is on.
	for _, path := range []string{front, uploadServer, generateAgent, uploadAgents} {
		k.Get(path, servercert.ActView, m.show)
	}
	k.Stream(downloadServer, servercert.ActView, m.download)
	k.Get(generateServer, servercert.ActGenerate, m.askGenerate)
	k.Post(generateServer, servercert.ActGenerate, m.generate)
	k.Post(uploadServer, servercert.ActInstall, m.upload)
	k.Get(uploadServer+"/{held}", servercert.ActInstall, m.askInstallUploaded)
	k.Post(uploadServer+"/{held}", servercert.ActInstall, m.installUploaded)
	k.Get(installServer, servercert.ActInstall, m.askInstall)
	k.Post(installServer, servercert.ActInstall, m.install)
	k.Get(discardServer, servercert.ActDiscard, m.askDiscard)
	k.Post(discardServer, servercert.ActDiscard, m.discard)

	k.Post(generateAgent, acts.ActGenerateAgent, m.generateAgent)
	k.Stream(fetchPFX+"/{held}", acts.ActGenerateAgent, m.pfx)
	k.Post(uploadAgents, acts.ActUploadAgent, m.uploadAgents)
	k.Get(deleteAgents, acts.ActDeleteAgent, m.askDelete)
	k.Post(deleteAgents, acts.ActDeleteAgent, m.delete)
	k.Get(setValidation, acts.ActSetValidation, m.askValidation)
	k.Post(setValidation, acts.ActSetValidation, m.validation)
	return nil
}
