package external

import (
	"encoding/json"
	"net/http"

	"vedette/internal/acts"
	"vedette/pki"
)

// ConnectionPattern is where an external system checks its connection.
const ConnectionPattern = "GET /kata/scanner/v1/sensors/{system}/connection"

// Connection is what an accepted external system reads about itself. Who is not
// accepted reads a problem with the code instead.
type Connection struct {
	SensorID string          `json:"sensorId"`
	State    string          `json:"state"` // "accepted"
	Type     acts.SystemType `json:"type"`
	Name     string          `json:"name"`
	// Certificate is the caller's own, as this server saw it; ServerCertificate is
	// of this server. Both are SHA-256 fingerprints.
	Certificate       pki.Fingerprint `json:"certificateFingerprint"`
	ServerCertificate pki.Fingerprint `json:"serverCertificateFingerprint"`
	Address           string          `json:"address"` // that the caller is seen from
	Version           string          `json:"version"` // of this server's program
}

func (r *Room) connection(w http.ResponseWriter, req *http.Request) {
	c := Of(req.Context())
	answer := Connection{
		SensorID: c.System.ID, State: "accepted", Type: c.Type, Name: c.Name,
		Certificate: c.System.Leaf, Address: c.Remote.String(), Version: r.c.Version,
	}
	if shown := r.c.Certificate.Current(); shown != nil && len(shown.Certificate) > 0 {
		answer.ServerCertificate = pki.FingerprintOf(shown.Certificate[0])
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(answer) // the peer may be gone; nobody is left to tell
}
