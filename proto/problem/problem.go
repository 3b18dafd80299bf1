// Package problem is the error body that every door of Vedette speaks:
// RFC 9457 application/problem+json with one added member, code, a stable
// word that programs may branch on. The same word stands in logs, tables and
// documentation.
package problem

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// ContentType is the media type of a problem body (RFC 9457 section 3).
const ContentType = "application/problem+json"

// Code says why a request was refused. Codes are never renamed.
type Code string

// The codes of a refused identity: status 401.
const (
	NoCertificate      Code = "no_certificate"      // validation is on and the caller showed no certificate
	CertificateUnknown Code = "certificate_unknown" // the leaf is on no list
	Pending            Code = "pending"             // the request waits for an administrator
	Rejected           Code = "rejected"            // an administrator said no
	Withdrawn          Code = "withdrawn"           // the leaf was accepted once and is no longer
	CertificateChanged Code = "certificate_changed" // the ID was known with another leaf when this one asked; it waits for an administrator
	WrongDoor          Code = "wrong_door"          // this caller may not use this path at all
)

// The codes of a request that the server cannot serve, whoever asks.
const (
	NotFound     Code = "not_found"     // 404: no such path
	Busy         Code = "busy"          // 429: a bound is reached, ask again after Retry-After
	Unavailable  Code = "unavailable"   // 503: ask again after Retry-After
	TooLarge     Code = "too_large"     // 413: more bytes than a request may have
	TooSlow      Code = "too_slow"      // 408: the request trickled in below the least rate
	BadRequest   Code = "bad_request"   // 400
	StorageFull  Code = "storage_full"  // 503: nothing can be made durable now
	ScanIDTaken  Code = "scan_id_taken" // 409: another object was submitted under this scanId
	NotSupported Code = "not_supported" // 400: well-formed, but this host or server cannot do it
)

// The codes of a Sensor that cannot carry anybody now: status 503.
const (
	SensorUnconfigured Code = "sensor_unconfigured"  // no Central Node is configured on the Sensor
	SensorPending      Code = "sensor_pending"       // the Sensor waits for an administrator of the Central Node
	SensorRejected     Code = "sensor_rejected"      // an administrator of the Central Node rejected the Sensor
	SameServer         Code = "same_server"          // Sensor and Central Node are on one server
	CentralNodeChanged Code = "central_node_changed" // the Central Node shows another certificate than the Sensor pins
	LinkDown           Code = "link_down"            // the Central Node cannot be reached from the Sensor
)

// Problem is one refusal. Detail must never tell a caller about others.
type Problem struct {
	Type   string `json:"type,omitempty"` // absent means "about:blank" (RFC 9457 section 4.2.1)
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   Code   `json:"code"`
	// RetryAfter travels as the Retry-After header, in whole seconds; zero means absent.
	RetryAfter time.Duration `json:"-"`
}

// Error makes a problem usable as an error value.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return string(p.Code) + ": " + p.Detail
	}
	return string(p.Code) + ": " + p.Title
}

// Write answers a request with p.
func Write(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Status == http.StatusUnauthorized {
		// RFC 9110 section 15.5.2 wants a challenge; no scheme is registered for
		// client certificates, so this one is ours and documented in docs/api.md.
		h.Set("WWW-Authenticate", `Certificate realm="vedette"`)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the peer may be gone; nobody is left to tell
}

// maxBody bounds what Read takes from a server that may be hostile.
const maxBody = 16 << 10

// Read decodes the problem body of a response, if it has one. It consumes the
// body only in that case and does not close it.
func Read(r *http.Response) (*Problem, bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != ContentType {
		return nil, false
	}
	var p Problem
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&p); err != nil || p.Code == "" {
		return nil, false
	}
	p.Status = r.StatusCode
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s > 0 && s < 86400 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return &p, true
}
