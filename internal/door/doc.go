// Package door is how those who are not yet known come in: it listens, shakes
// hands over TLS under a budget, and hands over one Conn for each caller. Both
// daemons put it in front of what they serve.
//
// Until Admit a connection is a stranger's. Strangers have places of their own,
// in all and for each address; when these are taken, the stranger who has
// waited longest makes room. Connections can be found by leaf (Index) and cut.
//
// Who may do what is decided by others.
package door
