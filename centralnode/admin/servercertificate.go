package admin

import (
	"context"

	"vedette/internal/acts"
	"vedette/internal/entity"
	"vedette/internal/servercert"
	"vedette/pki"
)

// ServerCertificate shows the certificate in use.
func (a *Admin) ServerCertificate(ctx context.Context, actor acts.Actor) (acts.ServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, actViewCertificates); err != nil {
		return acts.ServerCertificate{}, err
	}
	shown, err := a.c.Serving.Show(ctx)
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, actViewCertificates, nil, err)
	}
	return shown, nil
}

// PreviewGenerateServerCertificate says what generating would do.
func (a *Admin) PreviewGenerateServerCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateServerCertificate) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, actGenerateServer); err != nil {
		return acts.Preview{}, err
	}
	p, err := a.c.Serving.PreviewGenerate(ctx, actGenerateServer, in, a.replacing())
	if err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actGenerateServer, nil, err)
	}
	return p, nil
}

// GenerateServerCertificate makes a new key and certificate and serves it.
func (a *Admin) GenerateServerCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateServerCertificate) (acts.ServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, actGenerateServer); err != nil {
		return acts.ServerCertificate{}, err
	}
	pair, err := a.c.Serving.Generate(in)
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, actGenerateServer, nil, err)
	}
	return a.replace(ctx, actor, actGenerateServer, pair, in.Revision, entity.Change{})
}

// UploadServerCertificate keeps a kata.pem until it is installed. It is
// checked then, as documented; what it is shows at once.
func (a *Admin) UploadServerCertificate(ctx context.Context, actor acts.Actor, pem []byte) (acts.File, error) {
	if err := a.desk.Permit(ctx, actor, actUploadServer); err != nil {
		return acts.File{}, err
	}
	f, err := a.c.Serving.Upload(ctx, pem, a.committing(actor, actUploadServer))
	if err != nil {
		return acts.File{}, a.desk.Failed(ctx, actor, actUploadServer, []string{servercert.KataPEM}, err)
	}
	return f, nil
}

// PreviewInstallServerCertificate checks the supplied certificate and says
// what installing it would do.
func (a *Admin) PreviewInstallServerCertificate(ctx context.Context, actor acts.Actor, in acts.InstallServerCertificate) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, actInstallServer); err != nil {
		return acts.Preview{}, err
	}
	p, err := a.c.Serving.PreviewInstall(ctx, actInstallServer, in, a.replacing())
	if err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actInstallServer, nil, err)
	}
	return p, nil
}

// InstallServerCertificate serves a supplied certificate: the given PEM, or
// the uploaded kata.pem, which is gone afterwards.
func (a *Admin) InstallServerCertificate(ctx context.Context, actor acts.Actor, in acts.InstallServerCertificate) (acts.ServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, actInstallServer); err != nil {
		return acts.ServerCertificate{}, err
	}
	pair, change, err := a.c.Serving.Supplied(ctx, in)
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, actInstallServer, nil, err)
	}
	return a.replace(ctx, actor, actInstallServer, pair, in.Revision, change)
}

func (a *Admin) replace(ctx context.Context, actor acts.Actor, act string, pair *pki.Pair, revision uint64, change entity.Change) (acts.ServerCertificate, error) {
	subject := []string{pair.Fingerprint().String()}
	if err := a.c.Serving.Replace(ctx, pair, revision, change, a.committing(actor, act)); err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, act, subject, err)
	}
	// A connection of before would go on for hours and then fail to come back.
	// Whoever pins the old certificate is to be seen now.
	cut := a.c.Door.CutAll()
	links := a.c.Sensors.CutAll()
	a.c.Logger.Info("server certificate replaced", "certificate", subject[0], "cut", cut, "links", links)
	return a.c.Serving.Show(ctx)
}

// committing is how the certificate's keeper writes: with the act's record.
func (a *Admin) committing(actor acts.Actor, act string) servercert.Commit {
	return func(ctx context.Context, subject []string, c entity.Change) error {
		_, err := a.desk.Commit(ctx, actor, act, subject, "", c.Ops, c.Expect)
		return err
	}
}
