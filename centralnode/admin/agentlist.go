package admin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/internal/conduct"
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
	used := a.uses.now(a.c.Hosts, a.c.Now())
	places := matching(stored.Rows, f)
	if err := arrange(places, stored.Rows, used, f.Sort); err != nil {
		return acts.AgentCertificateList{}, err // a slip of the pen is no matter of the audit
	}
	list := acts.AgentCertificateList{
		Validation: stored.Validation, Revision: uint64(stored.Revision), Total: len(stored.Rows), Matching: len(places),
		Certificates: []acts.AgentCertificate{},
	}
	places = places[min(max(0, f.Offset), len(places)):]
	if f.Limit > 0 {
		places = places[:min(f.Limit, len(places))]
	}
	for _, i := range places {
		row := stored.Rows[i]
		list.Certificates = append(list.Certificates, a.describeAgent(row, used[row.Fingerprint]))
	}
	return list, nil
}

// matching gives the places of the rows that a filter selects.
func matching(rows []store.AgentRow, f acts.AgentCertificateFilter) []int {
	all := strings.TrimSpace(f.Fingerprint+f.Serial) == ""
	places := make([]int, 0, len(rows))
	for i := range rows {
		if all || rows[i].Serial.Contains(f.Serial) && rows[i].Fingerprint.Contains(f.Fingerprint) {
			places = append(places, i)
		}
	}
	return places
}

// arrange puts places, which are in the order of the rows, into another one.
func arrange(places []int, rows []store.AgentRow, used map[pki.Fingerprint]use, by acts.AgentCertificateSort) error {
	word, down := strings.CutPrefix(string(by), "-")
	var key func(row *store.AgentRow) time.Time
	switch acts.AgentCertificateSort(word) {
	case "", acts.SortAdded: // as they are
	case acts.SortExpires:
		key = func(row *store.AgentRow) time.Time { return row.NotAfter }
	case acts.SortLastSeen:
		key = func(row *store.AgentRow) time.Time { return used[row.Fingerprint].last }
	default:
		return conduct.Invalid("the list cannot be sorted by "+foreign.Line(word), "it can by added, expires and seen")
	}
	if key != nil {
		keys := make([]time.Time, len(rows))
		for _, i := range places {
			keys[i] = key(&rows[i])
		}
		slices.SortFunc(places, func(i, j int) int { return cmp.Or(keys[i].Compare(keys[j]), cmp.Compare(i, j)) })
	}
	if down {
		slices.Reverse(places)
	}
	return nil
}

func (a *Admin) describeAgent(row store.AgentRow, used use) acts.AgentCertificate {
	d := acts.AgentCertificate{
		Fingerprint: row.Fingerprint, Serial: row.Serial, Subject: foreign.Line(row.Subject),
		NotBefore: row.NotBefore, NotAfter: row.NotAfter, Key: row.Key, Origin: acts.Origin(row.Origin), Added: row.Added,
		Hosts: used.hosts, Connected: a.c.Door.Connected(row.Fingerprint), LastSeen: used.last,
	}
	if w, ok := pki.DatesWarning(row.NotBefore, row.NotAfter, a.c.Now()); ok {
		d.Warnings = append(d.Warnings, w.Text)
	}
	return d
}
