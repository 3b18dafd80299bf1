package uplink

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// Path is what the Central Node lets this link be measured with: STAMP by UDP,
// in authenticated mode.
type Path struct {
	Local     netip.Addr // of a lane: the reflector answers no other
	Reflector netip.AddrPort
	Session   uint16
	Key       [32]byte
}

// measure is what the last Measure of a link said.
type measure struct {
	session, port uint16 // zero: nothing is reflected
	key           [32]byte
}

// measured takes what the Central Node lets be measured with.
func (l *life) measured(m *controlv1.Measure) error {
	var now measure
	key := m.GetKey()
	switch {
	case len(key) == 0:
	case len(key) != len(now.key):
		return fmt.Errorf("%w: key for measuring has %d bytes", errControl, len(key))
	case m.GetSession() == 0 || m.GetSession() > 1<<16-1:
		return fmt.Errorf("%w: measuring session %d", errControl, m.GetSession())
	case m.GetPort() == 0 || m.GetPort() > 1<<16-1:
		return fmt.Errorf("%w: measuring port %d", errControl, m.GetPort())
	default:
		now = measure{session: uint16(m.GetSession()), port: uint16(m.GetPort()), key: [32]byte(key)}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.measure = now
	return nil
}

// Path is how the present link may be measured; false: not at all. It is
// another one with each link, and whenever the Central Node says so.
func (u *Uplink) Path() (Path, bool) {
	u.mu.Lock()
	l := u.life
	u.mu.Unlock()
	if l == nil {
		return Path{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	remote, err := netip.ParseAddrPort(l.remote)
	if err != nil || l.measure.session == 0 {
		return Path{}, false
	}
	for _, p := range l.places {
		if p.lane == nil {
			continue
		}
		local, err := netip.ParseAddrPort(p.shown.Local)
		if err != nil {
			continue
		}
		return Path{
			Local: local.Addr().Unmap(), Reflector: netip.AddrPortFrom(remote.Addr().Unmap(), l.measure.port),
			Session: l.measure.session, Key: l.measure.key,
		}, true
	}
	return Path{}, false
}

// Lanes are the live connections of the present link.
func (u *Uplink) Lanes() []*link.Lane {
	u.mu.Lock()
	l := u.life
	u.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.lanes()
}

// mostQualities is how many messages about the link's quality go out at once: a
// day has 1,440 minutes, and a message holds 200.
const mostQualities = 8

// tell sends what is known of the link's quality, and the minutes that began
// later than since; it returns when the last of those began.
func (l *life) tell(ctx context.Context, since time.Time) (time.Time, error) {
	for range mostQualities {
		m, newest := l.up.config.Quality(since)
		if err := l.send(ctx, &controlv1.FromSensor{Message: &controlv1.FromSensor_Quality{Quality: m}}); err != nil {
			return since, err
		}
		if newest.Equal(since) {
			break
		}
		since = newest
	}
	return since, nil
}
