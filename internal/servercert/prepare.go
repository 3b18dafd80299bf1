package servercert

import (
	"context"
	"fmt"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/kv"
	"vedette/pki"
)

// untold is for those who want to hear no steps.
func untold(string) {}

// PrepareGenerateServerCertificate makes a new key and certificate, which
// nobody serves before it is applied, and tells each step that is done. They are
// in the answer and nowhere else.
func (a *Acts) PrepareGenerateServerCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateServerCertificate, step func(done string)) (acts.PreparedServerCertificate, error) {
	return a.prepare(ctx, actor, ActGenerate, in.Revision, step, func() (*pki.Pair, kv.Revision, error) {
		pair, err := a.keeper.generateKeeping(ctx, in)
		if err == nil {
			step("A new key was made: " + pki.KeyText(pair.Leaf().PublicKey) + ".")
			step(fmt.Sprintf("A certificate for %d names and addresses was signed with it.", len(names(pair.Leaf()))))
		}
		return pair, 0, err
	})
}

// PrepareInstallServerCertificate reads a supplied certificate, the given PEM
// or the uploaded kata.pem, which nobody serves before it is applied, and tells
// each step that is done.
func (a *Acts) PrepareInstallServerCertificate(ctx context.Context, actor acts.Actor, in acts.InstallServerCertificate, step func(done string)) (acts.PreparedServerCertificate, error) {
	return a.prepare(ctx, actor, ActInstall, in.Revision, step, func() (*pki.Pair, kv.Revision, error) {
		pair, upload, err := a.keeper.Supplied(ctx, in)
		if err == nil {
			err = conduct.Seen(in.Revision, upload)
		}
		if err == nil {
			step("The certificate and its private key were read: " + pki.KeyText(pair.Leaf().PublicKey) + ".")
			step("They belong together and satisfy the rules.")
		}
		return pair, upload, err
	})
}

// prepare gets a certificate and tries whether it can be kept.
func (a *Acts) prepare(ctx context.Context, actor acts.Actor, act string, seen uint64, step func(string), get func() (*pki.Pair, kv.Revision, error)) (acts.PreparedServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, act); err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	p, err := a.keeper.prepare(ctx, act, seen, step, get)
	if err != nil {
		return acts.PreparedServerCertificate{}, a.desk.Failed(ctx, actor, act, nil, err)
	}
	return p, nil
}

func (k *Keeper) prepare(ctx context.Context, act string, seen uint64, step func(string), get func() (*pki.Pair, kv.Revision, error)) (acts.PreparedServerCertificate, error) {
	// Read first: a replacement meanwhile makes what is prepared stale.
	current, _, err := k.stored(ctx)
	if err == nil {
		err = conduct.Seen(seen, current.Version)
	}
	if err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	pair, upload, err := get()
	if err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	// The next start reads it from the state file, so now is the time to know
	// that this works.
	written := pair.EncodePEM()
	defer clear(written)
	if _, err := k.parse(stored{PEM: written}); err != nil {
		return acts.PreparedServerCertificate{}, err
	}
	step("They were read back as the next start of this server will read them.")
	if ctx.Err() != nil {
		return acts.PreparedServerCertificate{}, ctx.Err() // nobody waits for it any more
	}
	return acts.PreparedServerCertificate{
		Certificate: k.describe(pair), Act: act, Pair: pair, Revision: uint64(current.Version), Upload: uint64(upload),
	}, nil
}

// ApplyServerCertificate serves what was prepared, if neither the certificate
// in use nor the kata.pem that it came from has changed since. The record is of
// the act that was prepared.
func (a *Acts) ApplyServerCertificate(ctx context.Context, actor acts.Actor, p acts.PreparedServerCertificate) (acts.ServerCertificate, error) {
	if p.Pair == nil || p.Act != ActGenerate && p.Act != ActInstall {
		return acts.ServerCertificate{}, conduct.Invalid("no certificate was prepared", "generate one, or install a supplied one")
	}
	if err := a.desk.Permit(ctx, actor, p.Act); err != nil {
		return acts.ServerCertificate{}, err
	}
	subject := []string{p.Pair.Fingerprint().String()}
	if err := a.keeper.Replace(ctx, p.Pair, p.Revision, kv.Revision(p.Upload), a.committing(actor, p.Act)); err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, p.Act, subject, err)
	}
	// Counted before anybody is cut.
	next := a.followUps(context.WithoutCancel(ctx))
	cut := a.effects.CutAll()
	a.log.Info("server certificate replaced", "certificate", subject[0], "cut", cut)
	shown, err := a.keeper.Show(context.WithoutCancel(ctx)) // it is in use, whoever hung up meanwhile
	shown.Cut, shown.FollowUps = cut, next
	return shown, err
}

// followUps are what others have to do now. That they cannot be told undoes
// nothing.
func (a *Acts) followUps(ctx context.Context) []acts.FollowUp {
	if a.effects.FollowUps == nil {
		return nil
	}
	next, err := a.effects.FollowUps(ctx)
	if err != nil {
		a.log.Error("who has to be given the new server certificate cannot be told", "error", err)
	}
	return next
}
