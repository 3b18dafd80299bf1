// Package web is the web interface of the Central Node: the server on :8443
// that assembles the rooms of pages. It decides who is talked to at all: by TLS
// with the server certificate of :443, by names that a browser may use for this
// server, only from pages of its own, within bounds. Whose request it is, it
// finds out by the cookie.
//
// How somebody signs in is signin's matter, what a page shows that of its room,
// and what somebody may do that of the acts.
package web
