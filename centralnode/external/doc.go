// Package external is who calls the REST API: requests of external systems to
// integrate, what was decided about them, and what is noted of their calls. The
// API itself is in the packages below it, whose handlers find their caller with
// Of.
//
// # A request
//
// An external system invents an ID and makes its own certificate. Any call with
// both makes one Pending request, whatever it asks for; calls with the same ID
// and the same certificate are the same system, however many servers they come
// from. The same ID with another certificate is another request, marked as
// changed. A rejection answers its certificate for good; a deletion forgets it,
// and the next call asks anew.
//
// # What strangers may cost
//
// Only the call that makes a request writes to the disk; those after it are
// noted in memory, and checkpointed once a minute. As many requests wait as an
// administrator can look through. When there are more, the oldest of those that
// have not called for a while makes room, at a bounded rate; when there is none,
// the newcomer is told that it has to wait.
//
// Texts that external systems sent (names, types) are kept as they came, only
// bounded. Who shows them passes them through package foreign; Title does.
package external
