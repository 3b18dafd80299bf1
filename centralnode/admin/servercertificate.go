package admin

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	"vedette/pki"
)

// kataPEM is the documented name of an uploaded server certificate.
const kataPEM = "kata.pem"

// ServerCertificate shows the certificate in use.
func (a *Admin) ServerCertificate(ctx context.Context, actor acts.Actor) (acts.ServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, actViewCertificates); err != nil {
		return acts.ServerCertificate{}, err
	}
	shown, err := a.serverCertificate(ctx)
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, actViewCertificates, nil, err)
	}
	return shown, nil
}

func (a *Admin) serverCertificate(ctx context.Context) (acts.ServerCertificate, error) {
	stored, found, err := a.c.Store.ServerCertificate(ctx)
	if err != nil {
		return acts.ServerCertificate{}, err
	}
	if !found {
		return acts.ServerCertificate{}, errors.New("the state file holds no server certificate")
	}
	pair, _, err := pki.ParsePair(stored.PEM, a.c.Now())
	if err != nil {
		return acts.ServerCertificate{}, fmt.Errorf("read the server certificate from the state file: %w", err)
	}
	shown := acts.ServerCertificate{Certificate: a.describe(pair), Revision: uint64(stored.Version), PEM: string(pair.CertificatePEM())}
	kata, found, err := a.c.Store.KataPEM(ctx)
	if err != nil {
		return acts.ServerCertificate{}, err
	}
	if found {
		f := a.describeFile(kata)
		shown.Uploaded = &f
	}
	return shown, nil
}

func (a *Admin) describe(p *pki.Pair) acts.Certificate {
	leaf := p.Leaf()
	c := acts.Certificate{
		Fingerprint: p.Fingerprint(), Subject: foreign.Line(leaf.Subject.String()), Serial: pki.SerialOf(leaf),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Key: pki.KeyText(leaf.PublicKey), Names: names(leaf),
	}
	if w, ok := pki.ExpiryWarning(leaf, a.c.Now()); ok {
		c.Warnings = append(c.Warnings, w.Text)
	}
	return c
}

// names lists the DNS names and addresses that a certificate is for.
func names(leaf *x509.Certificate) []string {
	out := make([]string, 0, len(leaf.DNSNames)+len(leaf.IPAddresses))
	for _, n := range leaf.DNSNames {
		out = append(out, foreign.Line(n))
	}
	for _, ip := range leaf.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

func (a *Admin) describeFile(k store.KataPEM) acts.File {
	f := acts.File{Name: kataPEM, Size: int64(len(k.PEM)), Time: k.Time}
	pair, _, err := pki.ParsePair(k.PEM, a.c.Now())
	if err != nil {
		f.Problem = err.Error()
		return f
	}
	f.Fingerprint = pair.Fingerprint()
	return f
}

// PreviewGenerateServerCertificate says what generating would do.
func (a *Admin) PreviewGenerateServerCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateServerCertificate) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, actGenerateServer); err != nil {
		return acts.Preview{}, err
	}
	current, err := a.serverCertificate(ctx)
	if err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actGenerateServer, nil, err)
	}
	// A trial with the cheaper kind of key shows the names, and every fault in
	// the input, before anything is decided.
	options := a.generateOptions(in)
	options.Key = pki.KeyECDSAP256
	trial, err := pki.GenerateServer(options)
	if err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actGenerateServer, nil, invalidInput(err))
	}
	key := in.Key
	if key == "" {
		key = pki.KeyECDSAP256
	}
	lines := []string{
		fmt.Sprintf("A new key (%s) and certificate will be made for %s.", key, strings.Join(names(trial.Leaf()), ", ")),
		"The certificate in use, " + current.Fingerprint.String() + ", will be removed and replaced.",
	}
	if key == pki.KeyRSA3072 {
		lines = append(lines, "RSA 3072 is for old peers: a signature costs 31 times as much as with ECDSA P-256.")
	}
	return acts.Preview{Act: actGenerateServer, Lines: lines, Consequences: a.replacing(), Revision: current.Revision, Asks: true}, nil
}

// GenerateServerCertificate makes a new key and certificate and serves it.
func (a *Admin) GenerateServerCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateServerCertificate) (acts.ServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, actGenerateServer); err != nil {
		return acts.ServerCertificate{}, err
	}
	pair, err := pki.GenerateServer(a.generateOptions(in))
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, actGenerateServer, nil, invalidInput(err))
	}
	return a.replace(ctx, actor, actGenerateServer, pair, in.Revision, store.Change{})
}

func (a *Admin) generateOptions(in acts.GenerateServerCertificate) pki.ServerOptions {
	return pki.ServerOptions{Names: append(append([]string(nil), a.c.Names...), in.Names...), Local: true, Key: in.Key, Now: a.c.Now}
}

// UploadServerCertificate keeps a kata.pem until it is installed. It is
// checked then, as documented; what it is shows at once.
func (a *Admin) UploadServerCertificate(ctx context.Context, actor acts.Actor, pem []byte) (acts.File, error) {
	if err := a.desk.Permit(ctx, actor, actUploadServer); err != nil {
		return acts.File{}, err
	}
	if len(pem) > pki.MaxFileSize {
		return acts.File{}, a.desk.Failed(ctx, actor, actUploadServer, nil, conduct.Invalid(fmt.Sprintf("%s has more than %d KiB", kataPEM, pki.MaxFileSize>>10), "upload only the certificate, its chain and its key"))
	}
	var c store.Change
	at := a.c.Now()
	c.SetKataPEM(pem, at)
	f := a.describeFile(store.KataPEM{PEM: pem, Time: at})
	if _, err := a.commit(ctx, actor, actUploadServer, []string{kataPEM}, f.Problem, c); err != nil {
		return acts.File{}, a.desk.Failed(ctx, actor, actUploadServer, nil, err)
	}
	return f, nil
}

// PreviewInstallServerCertificate checks the supplied certificate and says
// what installing it would do.
func (a *Admin) PreviewInstallServerCertificate(ctx context.Context, actor acts.Actor, in acts.InstallServerCertificate) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, actInstallServer); err != nil {
		return acts.Preview{}, err
	}
	pair, _, err := a.supplied(ctx, in)
	if err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actInstallServer, nil, err)
	}
	current, err := a.serverCertificate(ctx)
	if err != nil {
		return acts.Preview{}, a.desk.Failed(ctx, actor, actInstallServer, nil, err)
	}
	next := a.describe(pair)
	lines := []string{
		"The supplied certificate " + next.Fingerprint.String() + " (" + next.Subject + ", " + next.Key + ", expires " + next.NotAfter.UTC().Format(time.DateOnly) + ") will be used.",
		"The certificate in use, " + current.Fingerprint.String() + ", will be removed and replaced.",
	}
	lines = append(lines, next.Warnings...)
	return acts.Preview{Act: actInstallServer, Lines: lines, Consequences: a.replacing(), Revision: current.Revision, Asks: true}, nil
}

// InstallServerCertificate serves a supplied certificate: the given PEM, or
// the uploaded kata.pem, which is gone afterwards.
func (a *Admin) InstallServerCertificate(ctx context.Context, actor acts.Actor, in acts.InstallServerCertificate) (acts.ServerCertificate, error) {
	if err := a.desk.Permit(ctx, actor, actInstallServer); err != nil {
		return acts.ServerCertificate{}, err
	}
	pair, change, err := a.supplied(ctx, in)
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, actInstallServer, nil, err)
	}
	return a.replace(ctx, actor, actInstallServer, pair, in.Revision, change)
}

// supplied returns the certificate to install, and the change that forgets the
// kata.pem it came from.
func (a *Admin) supplied(ctx context.Context, in acts.InstallServerCertificate) (*pki.Pair, store.Change, error) {
	var change store.Change
	pem := in.PEM
	if pem == nil {
		kata, found, err := a.c.Store.KataPEM(ctx)
		if err != nil {
			return nil, change, err
		}
		if !found {
			return nil, change, &acts.Error{Code: acts.NotFound, Text: "no kata.pem was uploaded", Hint: "upload one first, or name the file to install"}
		}
		pem = kata.PEM
		change.DeleteKataPEM(kata.Version)
	}
	pair, _, err := pki.ParsePair(pem, a.c.Now())
	if err != nil {
		return nil, change, ruleError(err)
	}
	return pair, change, nil
}

// replace puts a certificate to use: written first, served then. Connections
// that are open stay; whoever connects from now on meets the new one.
func (a *Admin) replace(ctx context.Context, actor acts.Actor, act string, pair *pki.Pair, revision uint64, change store.Change) (acts.ServerCertificate, error) {
	// What is written last is served last.
	a.replacingMu.Lock()
	defer a.replacingMu.Unlock()
	subject := []string{pair.Fingerprint().String()}
	current, _, err := a.c.Store.ServerCertificate(ctx)
	if err == nil {
		err = conduct.Seen(revision, current.Version)
	}
	if err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, act, subject, err)
	}
	change.SetServerCertificate(pair.EncodePEM(), a.c.Now(), current.Version)
	if _, err := a.commit(ctx, actor, act, subject, "", change); err != nil {
		return acts.ServerCertificate{}, a.desk.Failed(ctx, actor, act, subject, err)
	}
	a.c.Serving.Swap(pair)
	return a.serverCertificate(ctx)
}

func invalidInput(err error) *acts.Error {
	return &acts.Error{Code: acts.Invalid, Text: err.Error(), Err: err}
}

// ruleError gives a violated PEM rule its form for a person.
func ruleError(err error) error {
	var rule *pki.RuleError
	if errors.As(err, &rule) {
		return &acts.Error{Code: acts.Invalid, Text: rule.Text, Hint: rule.Hint, Err: err}
	}
	return err
}
