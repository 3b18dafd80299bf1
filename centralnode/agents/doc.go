// Package agents is what Endpoint Agents may do at the Central Node: Sync, and
// SendEvents. It checks what they send, keeps the table of hosts, and hands
// packages to the event log inside an admission of the gateway, so that
// nothing of a withdrawn agent is taken.
//
// Who may call is the judge's decision (trust); when a package is durable is
// the event log's; what administrators see of hosts is admin's.
package agents
