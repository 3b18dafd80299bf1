package uplink

import "vedette/pki"

// pins are the certificates of the Central Node that are accepted: the
// configured one, and what it announced over a link on which it showed one of
// the two.
type pins struct{ pin, next pki.Fingerprint }

func (p pins) check() pki.PinCheck {
	if p.next.IsZero() {
		return pki.PinTo(p.pin)
	}
	return pki.PinTo(p.pin, p.next)
}

// announce takes the next certificate, zero for none, that a Central Node
// which shows met has announced.
//
// While it shows the pinned certificate, an announcement may change and may be
// taken back. Once it shows the announced one that stays; a further announcement
// then moves it up, and the one before is no longer accepted.
func (p pins) announce(met, next pki.Fingerprint) pins {
	switch met {
	case p.pin:
		if next == p.pin {
			next = pki.Fingerprint{}
		}
		return pins{p.pin, next}
	case p.next:
		if next.IsZero() || next == p.pin || next == p.next {
			return p
		}
		return pins{p.next, next}
	}
	return p // not over a pinned connection: worth nothing
}
