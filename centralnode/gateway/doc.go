// Package gateway is the Central Node's door at :443. It terminates TLS, makes
// one trust.Caller for each connection, asks the judge at every request,
// indexes live connections by leaf, and cuts them when their right is taken
// away.
//
// # Withdrawal without a race
//
// Whatever makes a caller's data durable does so inside Admit and Release.
// Change holds new admissions of the callers that a change of trust concerns,
// waits for those under way, lets the change commit, puts the new snapshot in
// force, cuts the connections that it refuses, and only then lets go. So
// everything that was taken was taken before the revision of its withdrawal,
// and nothing after it.
//
// A connection is indexed before its first request is judged. One that arrives
// while a change is being applied is therefore either cut by the change or
// judged by its snapshot.
//
// One connection may be used at several doors, and as several external systems
// that share a leaf. It remembers every entrance that it was let in by, and is
// cut when any of them is closed to it: what a caller loses it loses at once,
// whatever else it may do. It comes back for the rest.
//
// A leaf that proves nothing (pki.CheckLeaf) is told so in the answer to the
// first request instead of by a TLS alert, which could not say what is wrong.
//
// The package knows no path and no message: rooms register handlers by door.
package gateway
