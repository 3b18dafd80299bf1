package centralnode

import (
	"vedette/internal/door"
	"vedette/pki"
	"vedette/proto/about"
)

// tellAbout answers one question of a stranger about this server: its role, and
// what one fingerprint is here.
func (n *Node) tellAbout(c *door.Conn) {
	defer c.Cut() // after Close only a formality
	err := about.Serve(c, func(asked [32]byte) about.Answer {
		a := about.Answer{Role: about.RoleCentralNode}
		switch f := pki.Fingerprint(asked); {
		case f == n.base.Serving.Pair().Fingerprint():
			a.Pin = about.PinOwn
		case n.sensors.HasServerCertificate(f):
			a.Pin = about.PinSensor
		}
		return a
	})
	if err == nil {
		_ = c.Close() // the answer is written; whether it arrived is the asker's matter
	}
}
