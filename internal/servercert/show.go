package servercert

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/pki"
)

// Show describes the certificate in use, and a kata.pem that waits.
func (k *Keeper) Show(ctx context.Context) (acts.ServerCertificate, error) {
	s, found, err := k.stored(ctx)
	if err != nil {
		return acts.ServerCertificate{}, err
	}
	if !found {
		return acts.ServerCertificate{}, errors.New("the state file holds no server certificate")
	}
	pair, err := k.parse(s)
	if err != nil {
		return acts.ServerCertificate{}, err
	}
	shown := acts.ServerCertificate{Certificate: k.describe(pair), Since: s.Since, Revision: uint64(s.Version), PEM: string(pair.CertificatePEM())}
	u, found, err := k.uploaded(ctx)
	if err != nil {
		return acts.ServerCertificate{}, err
	}
	if found {
		f := k.describeFile(u)
		shown.Uploaded = &f
	}
	return shown, nil
}

// Since is when the certificate in use was put to use.
func (k *Keeper) Since(ctx context.Context) (time.Time, error) {
	s, _, err := k.stored(ctx)
	return s.Since, err
}

// PreviewGenerate says what generating would do; what it breaks is the daemon's
// to say.
func (k *Keeper) PreviewGenerate(ctx context.Context, act string, in acts.GenerateServerCertificate) (acts.Preview, error) {
	current, err := k.Show(ctx)
	if err != nil {
		return acts.Preview{}, err
	}
	key := in.Key
	// A trial with the cheaper kind of key shows the names, and every fault in
	// the input, before anything is decided.
	in.Key = pki.KeyECDSAP256
	trial, err := k.Generate(in)
	if err != nil {
		return acts.Preview{}, err
	}
	kept := k.kept(in, trial.Leaf(), current.Names)
	if len(kept) > 0 {
		in.Names = append(slices.Clone(in.Names), kept...)
		if trial, err = k.Generate(in); err != nil {
			return acts.Preview{}, err
		}
	}
	lines := []string{
		fmt.Sprintf("A new key (%s) and certificate will be made for %s.", key.Text(), strings.Join(names(trial.Leaf()), ", ")),
		fmt.Sprintf("It will be valid until %s.", trial.Leaf().NotAfter.UTC().Format(time.DateOnly)),
		removed(current),
	}
	if len(kept) > 0 {
		lines = append(lines, "Kept from the certificate in use: "+strings.Join(kept, ", ")+".")
	}
	gone := lost(current.Names, trial.Leaf())
	if len(gone) > 0 {
		lines = append(lines, "The new certificate lacks names of the one in use: "+strings.Join(gone, ", ")+". Whoever connects by them is warned or refused; enter them as further names to keep them.")
	}
	if key == pki.KeyRSA3072 {
		lines = append(lines, "RSA 3072 is for old peers: a signature costs 31 times as much as with ECDSA P-256.")
	}
	return acts.Preview{Act: act, Lines: lines, Revision: current.Revision, Asks: true, Lost: gone}, nil
}

// PreviewInstall checks the supplied certificate and says what installing it
// would do.
func (k *Keeper) PreviewInstall(ctx context.Context, act string, in acts.InstallServerCertificate) (acts.Preview, error) {
	// Read first: a certificate or a kata.pem that changes meanwhile makes the act
	// stale.
	revision := k.config.State.Revision()
	pair, _, err := k.Supplied(ctx, in)
	if err != nil {
		return acts.Preview{}, err
	}
	current, err := k.Show(ctx)
	if err != nil {
		return acts.Preview{}, err
	}
	next := k.describe(pair)
	lines := []string{
		"The supplied certificate " + next.Fingerprint.String() + " (" + next.Subject + ", " + next.Key + ") will be used.",
		fmt.Sprintf("It is valid from %s to %s.", next.NotBefore.UTC().Format(time.DateOnly), next.NotAfter.UTC().Format(time.DateOnly)),
	}
	if len(next.Names) > 0 {
		lines = append(lines, "It is for "+strings.Join(next.Names, ", ")+".")
	}
	lines = append(lines, removed(current))
	lines = append(lines, next.Warnings...)
	lines = append(lines, doubts(pair)...)
	gone := lost(current.Names, pair.Leaf())
	if len(gone) > 0 {
		lines = append(lines, "It lacks names of the certificate in use: "+strings.Join(gone, ", ")+". Whoever connects by them is warned or refused.")
	}
	return acts.Preview{Act: act, Lines: lines, Revision: uint64(revision), Asks: true, Lost: gone}, nil
}

// kept are the names of the certificate in use that an input wants to keep and
// the next certificate would not have by itself. Names of somebody else's
// certificate that ours cannot have are not among them.
func (k *Keeper) kept(in acts.GenerateServerCertificate, next *x509.Certificate, inUse []string) []string {
	if !in.Keep {
		return nil
	}
	var out []string
	for _, name := range lost(inUse, next) {
		if _, err := k.Generate(acts.GenerateServerCertificate{Names: []string{name}}); err == nil {
			out = append(out, name)
		}
	}
	if _, err := k.Generate(acts.GenerateServerCertificate{Names: append(slices.Clone(in.Names), out...)}); err != nil {
		return nil // too many
	}
	return out
}

func removed(current acts.ServerCertificate) string {
	return "The certificate in use, " + current.Fingerprint.String() + ", will be removed and replaced. The data of previously installed certificates will be overwritten."
}

func (k *Keeper) describe(p *pki.Pair) acts.Certificate {
	leaf := p.Leaf()
	c := acts.Certificate{
		Fingerprint: p.Fingerprint(), Subject: foreign.Line(leaf.Subject.String()), Serial: pki.SerialOf(leaf),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Key: pki.KeyText(leaf.PublicKey), Names: names(leaf),
	}
	if w, ok := pki.ExpiryWarning(leaf, k.config.Now()); ok {
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

func (k *Keeper) describeFile(u uploaded) acts.File {
	f := acts.File{Name: KataPEM, Size: int64(len(u.PEM)), Time: u.Time, Revision: uint64(u.Version)}
	pair, _, err := pki.ParsePair(u.PEM, k.config.Now())
	if err != nil {
		f.Problem, f.Hint = err.Error(), Faults("", err).Hints()
		return f
	}
	f.Fingerprint = pair.Fingerprint()
	return f
}
