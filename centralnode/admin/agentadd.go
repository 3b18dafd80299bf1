package admin

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/servercert"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

// maxUpload bounds the files of one upload.
const maxUpload = 2000

// GenerateAgentCertificate makes a certificate, puts it on the list, and gives
// back the PFX that holds it with its key. The key is in the PFX and nowhere
// else (docs/security.md says why it has to be there).
func (a *Admin) GenerateAgentCertificate(ctx context.Context, actor acts.Actor, in acts.GenerateAgentCertificate) (acts.GeneratedAgentCertificate, error) {
	var none acts.GeneratedAgentCertificate
	if err := a.desk.Permit(ctx, actor, acts.ActGenerateAgent); err != nil {
		return none, err
	}
	pair, err := pki.GenerateAgent(pki.AgentOptions{Name: in.Name, Key: in.Key, Now: a.c.Now})
	if err != nil {
		return none, a.desk.Failed(ctx, actor, acts.ActGenerateAgent, nil, conduct.InvalidInput(err))
	}
	encoding := pki.PFXModern
	if in.Compatible {
		encoding = pki.PFXCompatible
	}
	pfx, err := pki.EncodePFX(pair, pki.PFXOptions{Password: in.Password, Encoding: encoding, CertificateOnly: in.CertificateOnly})
	if err != nil {
		return none, a.desk.Failed(ctx, actor, acts.ActGenerateAgent, nil, conduct.InvalidInput(err))
	}
	added, _, err := a.list(ctx, actor, acts.ActGenerateAgent, acts.OriginGenerated, []*x509.Certificate{pair.Leaf()})
	if err != nil {
		return none, err
	}
	return acts.GeneratedAgentCertificate{Certificate: added[0], PFX: pfx}, nil
}

// UploadAgentCertificates puts the certificates of some PEM files on the list.
// Each file must satisfy the documented rule, certificate and private key; the
// key is checked against the certificate and dropped, and the files' bytes are
// overwritten. When one file violates the rule nothing is added.
func (a *Admin) UploadAgentCertificates(ctx context.Context, actor acts.Actor, files []acts.UploadAgentCertificate) (acts.UploadedAgentCertificates, error) {
	var none acts.UploadedAgentCertificates
	if err := a.desk.Permit(ctx, actor, acts.ActUploadAgent); err != nil {
		return none, err
	}
	if n := len(files); n == 0 || n > maxUpload {
		return none, a.desk.Failed(ctx, actor, acts.ActUploadAgent, nil, conduct.Invalid(fmt.Sprintf("an upload holds 1 to %d files, this one %d", maxUpload, n), "name at least one file, or upload in parts"))
	}
	var leaves []*x509.Certificate
	var present []pki.Fingerprint
	chosen := make(map[pki.Fingerprint]bool)
	// Every file is read, also after a fault, because reading overwrites its key,
	// and so that all faults are named at once.
	var faults acts.FileFaults
	for _, f := range files {
		leaf, _, err := pki.VerifyAndDropKey(f.PEM, a.c.Now())
		if err != nil {
			broken := servercert.Faults(f.Name, err)
			if broken == nil {
				broken = acts.FileFaults{{Name: f.Name, Text: "it cannot be read", Err: err}}
			}
			for i := range broken {
				broken[i].Hint = ofAgents(broken[i].Hint)
			}
			faults = append(faults, broken...)
			continue
		}
		id := pki.FingerprintOf(leaf.Raw)
		if chosen[id] {
			continue
		}
		chosen[id] = true
		if a.c.Door.Trust().Listed(id) {
			present = append(present, id)
			continue
		}
		leaves = append(leaves, leaf)
	}
	if len(faults) > 0 {
		refusal := servercert.Violated(faults)
		refusal.Hint += "; nothing of this upload was added"
		return none, a.desk.Failed(ctx, actor, acts.ActUploadAgent, nil, refusal)
	}
	result := acts.UploadedAgentCertificates{Present: present, Revision: a.c.Door.Trust().Revision, Added: []acts.AgentCertificate{}}
	if len(leaves) == 0 {
		return result, nil
	}
	var err error
	result.Added, result.Revision, err = a.list(ctx, actor, acts.ActUploadAgent, acts.OriginUploaded, leaves)
	return result, err
}

// ofAgents makes the next step for a server's certificate that for an agent's.
func ofAgents(hint string) string {
	return strings.NewReplacer("kata.pem", "agent.pem", "server.crt", "agent.crt", "server.key", "agent.key",
		"-subj /CN=server.example.com -addext subjectAltName=DNS:server.example.com ", "-subj /CN=agent ", "the server's own", "the agent's own").Replace(hint)
}

// list puts leaves on the list in one change and puts it in force.
func (a *Admin) list(ctx context.Context, actor acts.Actor, act string, origin acts.Origin, leaves []*x509.Certificate) ([]acts.AgentCertificate, uint64, error) {
	if n := a.c.Door.Trust().Len() + len(leaves); n > controlv1.MaxFingerprints {
		return nil, 0, a.desk.Failed(ctx, actor, act, nil, conduct.Invalid(
			fmt.Sprintf("the list would hold %d agent certificates, at most %d fit", n, controlv1.MaxFingerprints), "delete certificates that are not used any more; nothing was added"))
	}
	var change store.Change
	var subject []string
	var scope trust.Scope
	at := a.c.Now()
	added := make([]acts.AgentCertificate, 0, len(leaves))
	for _, leaf := range leaves {
		id := pki.FingerprintOf(leaf.Raw)
		change.AddAgentCertificate(leaf, string(origin), at)
		subject = append(subject, id.String())
		scope.Leaves = append(scope.Leaves, id)
		added = append(added, a.describeAgent(store.RowOf(leaf, string(origin), at), use{}))
	}
	done, err := a.change(ctx, actor, deed{act: act, subject: subject}, scope, change, func(s *trust.Snapshot) *trust.Snapshot { return s.With(scope.Leaves) })
	if err != nil {
		return nil, 0, err
	}
	a.c.Sensors.Distribute(ctx) // so that the agents can be given their certificate now
	return added, done.Revision, nil
}
