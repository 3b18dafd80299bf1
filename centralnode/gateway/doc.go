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
// The package knows no path and no message: rooms register handlers by door.
package gateway
