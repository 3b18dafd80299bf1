package sensors

import (
	"bytes"
	"encoding/hex"
	"slices"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/pki"
	"vedette/proto/link"
)

// Look is what the room sees of a Sensor. Texts in Contact are foreign.
type Look struct {
	Contact   store.SensorContact
	Connected bool
	Lanes     int
	RTT       time.Duration
	// Policy is the revision that the Sensor has in force; zero when that is not
	// known.
	Policy  uint64
	Ingress uint64 // bytes read from agents since the Sensor's start
	Refused uint64 // agents refused since then
	// Quality is what it finds of its link; nil while it has not said, or is not
	// Accepted.
	Quality *acts.LinkQuality
	// Mute says that it reports for a while, and has never said that on this link.
	Mute bool
	// Problems are sentences.
	Problems []string
}

// Look looks at a Sensor.
func (r *Room) Look(id pki.Fingerprint) Look {
	state, now := r.c.Door.Trust().Sensor(id), r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sensors[id]
	if s == nil {
		return Look{Contact: store.SensorContact{Fingerprint: id}}
	}
	l := Look{Contact: s.contact}
	l.Contact.Addresses = slices.Clone(s.contact.Addresses)
	if s.contact.SameServer && !r.c.UnsafeSameServer {
		l.Problems = append(l.Problems, acts.SameServerRule)
	}
	if !s.duplicate.IsZero() && now.Sub(s.duplicate) <= duplicateFor {
		l.Problems = append(l.Problems, "Two machines use this link identity: links take over from each other. Delete this Sensor, make a new identity on one of the machines, and accept what asks again.")
	}
	p := s.link
	if p == nil || p.link.Err() != nil {
		if state == trust.Accepted && s.late {
			l.Problems = append(l.Problems, "It did not take the policy in time, and its link was ended.")
		}
		return l
	}
	stats := p.link.Stats()
	l.Connected, l.Lanes, l.RTT, l.Contact.Last = true, stats.Lanes, stats.RTT, now
	p.mu.Lock()
	defer p.mu.Unlock()
	l.Ingress, l.Refused = p.ingress, p.refused
	if p.taken.is {
		l.Policy = p.taken.revision
	}
	switch {
	case state != trust.Accepted:
	case !p.since.IsZero() && time.Since(p.since) > policyTime:
		l.Problems = append(l.Problems, "It has not taken the policy in force yet: a slow line, or a long list. Nothing is taken through it against that policy.")
	case !p.taken.is && s.late:
		l.Problems = append(l.Problems, "It did not take the policy in time when it was last connected.")
	}
	if state == trust.Accepted {
		l.Quality, l.Mute = s.quality.shown(p, now), s.quality.mute(p, now)
		if s.quality.clock {
			l.Problems = append(l.Problems, "Its clock and that of the Central Node differ: minutes of its link's quality are left out. Have both set their clocks by NTP.")
		}
	}
	var congestion []string
	for _, n := range p.lanes {
		congestion = append(congestion, n.Congestion())
	}
	if problem := slowLanes(congestion); problem != "" {
		l.Problems = append(l.Problems, problem)
	}
	return l
}

// slowLanes says that the kernel refused BBR for a lane, without which a lossy
// line is slow.
func slowLanes(congestion []string) string {
	for _, c := range congestion {
		if c != "" && c != link.BBR {
			return "The kernel of the Central Node refuses BBR on the link and uses " + c + ": modprobe tcp_bbr."
		}
	}
	return ""
}

// Lanes counts the connections at the door that are lanes of Sensors which were
// let in.
func (r *Room) Lanes() (n int) {
	for _, p := range r.live() {
		p.mu.Lock()
		for _, l := range p.lanes {
			if l.conn.Admitted() {
				n++
			}
		}
		p.mu.Unlock()
	}
	return n
}

// Connected counts the Accepted Sensors that have a link.
func (r *Room) Connected() (n int) {
	snapshot := r.c.Door.Trust()
	for _, p := range r.live() {
		if p.isIntroduced() && snapshot.Sensor(p.id) == trust.Accepted {
			n++
		}
	}
	return n
}

// States counts the Sensors that asked, by how they stand.
func (r *Room) States() (pending, accepted, rejected int) {
	snapshot := r.c.Door.Trust()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.sensors {
		switch snapshot.Sensor(id) {
		case trust.Pending:
			pending++
		case trust.Accepted:
			accepted++
		case trust.Rejected:
			rejected++
		}
	}
	return pending, accepted, rejected
}

// Accepted lists the Accepted Sensors in the order of their ids.
func (r *Room) Accepted() []pki.Fingerprint {
	snapshot := r.c.Door.Trust()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []pki.Fingerprint
	for id := range r.sensors {
		if snapshot.Sensor(id) == trust.Accepted {
			all = append(all, id)
		}
	}
	slices.SortFunc(all, func(a, b pki.Fingerprint) int { return bytes.Compare(a[:], b[:]) })
	return all
}

// Name is what the Sensor of an id calls itself, cleaned for people; empty when
// there is none, or it has no name.
func (r *Room) Name(id string) string {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for f, s := range r.sensors {
		if bytes.Equal(f[:min(len(raw), len(f))], raw) && trust.SensorID(f) == id {
			return Title(s.contact.Name)
		}
	}
	return ""
}

// Title is what a Sensor calls itself as a table shows it: clean, and at most 64
// bytes, for what is cleaned may become many times as long.
func Title(name string) string { return foreign.Bounded(foreign.Line(name), maxTitle) }

// HasServerCertificate reports whether f is what the agents of an Accepted
// Sensor pin.
func (r *Room) HasServerCertificate(f pki.Fingerprint) bool {
	snapshot := r.c.Door.Trust()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, s := range r.sensors {
		if s.contact.ServerCertificate == f && snapshot.Sensor(id) == trust.Accepted {
			return true
		}
	}
	return false
}
