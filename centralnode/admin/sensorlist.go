package admin

import (
	"context"
	"slices"
	"strings"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/pki"
)

// SensorServerPage shows what a filter chooses of the table of Sensor servers:
// those that wait for a decision first, of each state the oldest request first.
func (a *Admin) SensorServerPage(ctx context.Context, actor acts.Actor, f acts.ServerFilter) (acts.SensorServerPage, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewSensors); err != nil {
		return acts.SensorServerPage{}, err
	}
	if err := checkFilter(f); err != nil {
		return acts.SensorServerPage{}, err
	}
	rows, revision, err := a.sensorServers(ctx)
	if err != nil {
		return acts.SensorServerPage{}, a.desk.Failed(ctx, actor, acts.ActViewSensors, nil, err)
	}
	page := acts.SensorServerPage{SensorServerList: acts.SensorServerList{PolicyRevision: a.c.Door.Trust().Policy, Revision: uint64(revision)}}
	all := make([]acts.SensorServer, len(rows))
	for i, row := range rows {
		all[i] = row.shown
		page.Counts = countSensor(page.Counts, row.shown)
	}
	chosen := chooseServers(all, f, func(s acts.SensorServer) (acts.RequestState, bool) {
		return s.State, says(f.Text, []pki.Fingerprint{s.Fingerprint, s.ServerCertificate}, append(s.Addresses, s.Address, s.Name, s.ID, s.Type, s.Version)...)
	})
	page.Matching = len(chosen)
	page.Servers, page.Offset = section(chosen, f)
	return page, nil
}

// countSensor counts one more Sensor server.
func countSensor(c acts.SensorCounts, s acts.SensorServer) acts.SensorCounts {
	switch s.State {
	case acts.Pending:
		c.Pending++
	case acts.Rejected:
		c.Rejected++
	case acts.Accepted:
		c.Accepted++
		if s.Connected {
			c.Connected++
		}
	}
	return c
}

// checkFilter refuses what no state is called.
func checkFilter(f acts.ServerFilter) error {
	if f.State != "" && !slices.Contains(requestStates(), f.State) {
		return conduct.Invalid("no request has the state \""+string(f.State)+"\"", "the states are Pending, Accepted and Rejected")
	}
	return nil
}

// requestStates are the states in the order of a table: what needs a decision
// comes first.
func requestStates() []acts.RequestState {
	return []acts.RequestState{acts.Pending, acts.Accepted, acts.Rejected}
}

// says reports whether one of the texts, or of the fingerprints, has the part.
func says(part string, fingerprints []pki.Fingerprint, texts ...string) bool {
	if part == "" {
		return true
	}
	for _, f := range fingerprints {
		if !f.IsZero() && f.Contains(part) {
			return true
		}
	}
	lower := strings.ToLower(part)
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), lower) })
}

// chooseServers gives what a filter lets through, ordered by state; of tells a
// row's state, and whether it has the text.
func chooseServers[T any](rows []T, f acts.ServerFilter, of func(T) (acts.RequestState, bool)) []T {
	by := make(map[acts.RequestState][]T)
	for _, row := range rows {
		if state, has := of(row); has && (f.State == "" || f.State == state) {
			by[state] = append(by[state], row)
		}
	}
	var chosen []T
	for _, state := range requestStates() {
		chosen = append(chosen, by[state]...)
	}
	return chosen
}

// section is the part of the rows that a filter asks for, and where it begins.
// Past the end it is the last one: rows go away while somebody looks.
func section[T any](rows []T, f acts.ServerFilter) (part []T, offset int) {
	offset = max(0, f.Offset)
	if offset >= len(rows) {
		offset = 0
		if f.Limit > 0 && len(rows) > 0 {
			offset = (len(rows) - 1) / f.Limit * f.Limit
		}
	}
	part = rows[offset:]
	if f.Limit > 0 && len(part) > f.Limit {
		part = part[:f.Limit]
	}
	return slices.Clone(part), offset
}
