package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"vedette/centralnode/trust"
	"vedette/internal/kv"
	"vedette/pki"
)

// Trust reads the snapshot that the judge decides by.
func (s *Store) Trust(ctx context.Context) (*trust.Snapshot, error) {
	view, rev, err := s.kv.View(ctx, agentCertificatePrefix, withdrawnPrefix, validationKey, sensorServerPrefix, externalSystemPrefix)
	if err != nil {
		return nil, err
	}
	lists := trust.Lists{Revision: uint64(rev), Sensors: make(map[pki.Fingerprint]trust.Request), Systems: make(map[trust.System]trust.Request)}
	if lists.Validation, _, err = readValidation(view[validationKey]); err != nil {
		return nil, err
	}
	if lists.Listed, err = fingerprints(agentCertificatePrefix, view[agentCertificatePrefix]); err != nil {
		return nil, err
	}
	gone := view[withdrawnPrefix]
	slices.SortStableFunc(gone, func(a, b kv.Entry) int { return cmp.Compare(a.Revision, b.Revision) })
	if lists.Withdrawn, err = fingerprints(withdrawnPrefix, gone); err != nil {
		return nil, err
	}
	servers, err := sensorServers(view[sensorServerPrefix])
	if err != nil {
		return nil, err
	}
	for _, v := range servers {
		if lists.Sensors[v.Fingerprint], err = v.State.Trust(); err != nil {
			return nil, err
		}
	}
	systems, err := externalSystems(view[externalSystemPrefix])
	if err != nil {
		return nil, err
	}
	for _, v := range systems {
		if lists.Systems[v.System()], err = v.State.Trust(); err != nil {
			return nil, err
		}
		if v.Changed {
			lists.Changed = append(lists.Changed, v.System())
		}
	}
	lists.Policy = policyRevision(view)
	return trust.NewSnapshot(lists), nil
}

// policyRevision is when the agents' part of the lists last changed. Whatever
// leaves the list leaves a withdrawal behind, so the newest key tells.
func policyRevision(view map[string][]kv.Entry) uint64 {
	var newest kv.Revision
	for _, prefix := range []string{agentCertificatePrefix, withdrawnPrefix, validationKey} {
		for _, e := range view[prefix] {
			newest = max(newest, e.Revision)
		}
	}
	return uint64(newest)
}

func fingerprints(prefix string, entries []kv.Entry) ([]pki.Fingerprint, error) {
	out := make([]pki.Fingerprint, 0, len(entries))
	for _, e := range entries {
		f, err := pki.ParseFingerprint(strings.TrimPrefix(e.Key, prefix))
		if err != nil {
			return nil, fmt.Errorf("read key %q of the state file: %w", e.Key, err)
		}
		out = append(out, f)
	}
	return out, nil
}
