package servercert

import (
	"context"
	"log/slog"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/entity"
	"vedette/internal/kv"
)

// The acts on the server certificate, by the word that audit records carry.
const (
	ActView     = "certificate view"
	ActGenerate = "certificate generate"
	ActUpload   = "certificate upload"
	ActInstall  = "certificate install"
	ActDiscard  = "certificate discard" // a kata.pem that was uploaded
)

// Effects is what replacing the certificate does in a daemon.
type Effects struct {
	// Consequences are the documented ones, with today's numbers.
	Consequences func(context.Context) ([]acts.Consequence, error)
	// CutAll ends the connections of those who met the old certificate, and
	// says how many. They would go on for hours and then fail to come back:
	// whoever pins the old certificate is to be seen now.
	CutAll func() int
	// FollowUps say what is to be done after it, by whom, with today's numbers;
	// nil: the daemon says it elsewhere.
	FollowUps func(context.Context) ([]acts.FollowUp, error)
}

// Acts performs the administrative acts on the server certificate.
type Acts struct {
	keeper  *Keeper
	desk    *conduct.Desk
	effects Effects
	log     *slog.Logger
}

// NewActs makes the acts of a daemon, whose desk knows who may do them.
func NewActs(k *Keeper, d *conduct.Desk, e Effects, log *slog.Logger) *Acts {
	return &Acts{keeper: k, desk: d, effects: e, log: log}
}

// ServerCertificate shows the certificate in use.
func (a *Acts) ServerCertificate(ctx context.Context, actor acts.Actor) (acts.ServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, ActView); err != nil {
		return acts.ServerCertificate{}, err
	}
	shown, err := a.keeper.Show(ctx)
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, ActView, nil, err)
	}
	return shown, nil
}

// PreviewGenerateServerCertificate says what generating would do.
func (a *Acts) PreviewGenerateServerCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateServerCertificate) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, ActGenerate); err != nil {
		return acts.Preview{}, err
	}
	p, err := a.keeper.PreviewGenerate(ctx, ActGenerate, in)
	if err == nil {
		p.Consequences, err = a.effects.Consequences(ctx)
	}
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, ActGenerate, nil, err)
	}
	return p, nil
}

// GenerateServerCertificate makes a new key and certificate and serves it.
func (a *Acts) GenerateServerCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateServerCertificate) (acts.ServerCertificate, error) {
	p, err := a.PrepareGenerateServerCertificate(ctx, actor, in, untold)
	if err != nil {
		return acts.ServerCertificate{}, err
	}
	return a.ApplyServerCertificate(ctx, actor, p)
}

// UploadServerCertificate keeps a kata.pem until it is installed. It is
// checked then, as documented; what it is shows at once.
func (a *Acts) UploadServerCertificate(ctx context.Context, actor acts.Actor, pem []byte) (acts.File, error) {
	if err := a.desk.Permit(ctx, actor, ActUpload); err != nil {
		return acts.File{}, err
	}
	f, err := a.keeper.Upload(ctx, pem, a.committing(actor, ActUpload))
	if err != nil {
		return acts.File{}, a.desk.Failed(ctx, actor, ActUpload, []string{KataPEM}, err)
	}
	return f, nil
}

// PreviewInstallServerCertificate checks the supplied certificate and says
// what installing it would do.
func (a *Acts) PreviewInstallServerCertificate(ctx context.Context, actor acts.Actor, in acts.InstallServerCertificate) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, ActInstall); err != nil {
		return acts.Preview{}, err
	}
	p, err := a.keeper.PreviewInstall(ctx, ActInstall, in)
	if err == nil {
		p.Consequences, err = a.effects.Consequences(ctx)
	}
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, ActInstall, nil, err)
	}
	return p, nil
}

// InstallServerCertificate serves a supplied certificate: the given PEM, or
// the uploaded kata.pem, which is gone afterwards.
func (a *Acts) InstallServerCertificate(ctx context.Context, actor acts.Actor, in acts.InstallServerCertificate) (acts.ServerCertificate, error) {
	p, err := a.PrepareInstallServerCertificate(ctx, actor, in, untold)
	if err != nil {
		return acts.ServerCertificate{}, err
	}
	return a.ApplyServerCertificate(ctx, actor, p)
}

// DiscardServerCertificate forgets the uploaded kata.pem.
func (a *Acts) DiscardServerCertificate(ctx context.Context, actor acts.Actor, in acts.DiscardServerCertificate) error {
	if err := a.desk.Permit(ctx, actor, ActDiscard); err != nil {
		return err
	}
	if err := a.keeper.Discard(ctx, kv.Revision(in.Revision), a.committing(actor, ActDiscard)); err != nil {
		return a.desk.Failed(ctx, actor, ActDiscard, []string{KataPEM}, err)
	}
	return nil
}

// committing is how the keeper writes: with the act's record.
func (a *Acts) committing(actor acts.Actor, act string) Commit {
	return func(ctx context.Context, subject []string, c entity.Change) error {
		_, err := a.desk.Commit(ctx, actor, act, subject, "", c.Ops, c.Expect)
		return err
	}
}
