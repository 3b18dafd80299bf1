// Package uplink brings packages to the Central Node, directly or through a
// Sensor: one pinned TLS connection, one call at a time, HTTP/1.1 and Connect.
//
// The server is judged by its leaf alone, on every connection: the configured
// pin, or the next one that was announced over a connection which met the pin.
// Its dates, names and issuer do not matter, and there is no way around a wrong
// pin. Nothing that a server answers is believed beyond small bounds: headers
// of 16 KiB, bodies of 64 KiB, no compression, no redirects.
//
// A package is kept until the Central Node says that it is durable. Every
// failure becomes a Fault: a stable code, one plain sentence and the next step,
// the same in log, status and doctor.
package uplink
