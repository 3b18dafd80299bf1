package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/internal/servercert"
	"vedette/pki"
)

// AgentCertificates shows the list of agent certificates and its switch.
func (a *Admin) AgentCertificates(ctx context.Context, actor acts.Actor, f acts.AgentCertificateFilter) (acts.AgentCertificateList, error) {
	if err := a.desk.Permit(ctx, actor, servercert.ActView); err != nil {
		return acts.AgentCertificateList{}, err
	}
	stored, err := a.c.Store.AgentList(ctx)
	if err != nil {
		return acts.AgentCertificateList{}, a.desk.Failed(ctx, actor, servercert.ActView, nil, err)
	}
	used := a.lastUse()
	list := acts.AgentCertificateList{Validation: stored.Validation, Revision: uint64(stored.Revision), Certificates: []acts.AgentCertificate{}}
	for _, c := range stored.Certificates {
		if c.Fingerprint().Contains(f.Fingerprint) && pki.SerialOf(c.Leaf).Contains(f.Serial) {
			list.Certificates = append(list.Certificates, a.describeAgent(c, used))
		}
	}
	slices.SortFunc(list.Certificates, func(x, y acts.AgentCertificate) int {
		if c := x.Added.Compare(y.Added); c != 0 {
			return c
		}
		return strings.Compare(x.Fingerprint.String(), y.Fingerprint.String())
	})
	return list, nil
}

// lastUse says when each leaf was last seen at a host.
func (a *Admin) lastUse() map[pki.Fingerprint]time.Time {
	used := make(map[pki.Fingerprint]time.Time)
	for _, h := range a.c.Hosts.Hosts() {
		if !h.Leaf.IsZero() && h.Last.After(used[h.Leaf]) {
			used[h.Leaf] = h.Last
		}
	}
	return used
}

func (a *Admin) describeAgent(c store.AgentCertificate, used map[pki.Fingerprint]time.Time) acts.AgentCertificate {
	f := c.Fingerprint()
	d := acts.AgentCertificate{
		Fingerprint: f, Serial: pki.SerialOf(c.Leaf), Subject: foreign.Line(c.Leaf.Subject.String()),
		NotBefore: c.Leaf.NotBefore, NotAfter: c.Leaf.NotAfter, Key: pki.KeyText(c.Leaf.PublicKey),
		Origin: acts.Origin(c.Origin), Added: c.Added, Connected: a.c.Door.Connected(f), LastSeen: used[f],
	}
	if w, ok := pki.ExpiryWarning(c.Leaf, a.c.Now()); ok {
		d.Warnings = append(d.Warnings, w.Text)
	}
	return d
}
