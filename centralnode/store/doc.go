// Package store is what the Central Node remembers, as typed entities over
// internal/kv: one file an entity, versioned JSON values. Reading gives an
// entity with the revision it was written at; writing adds operations to a
// Change, which the audit trail commits together with the act's record.
//
// Keys:
//
//	server-certificate          certificate and key in use, one value
//	kata-pem                    an uploaded kata.pem that waits for install
//	validation                  the switch Validate Endpoint Agent TLS certificates
//	agent-certificate/<hex>     the list of agent certificates
//	withdrawn/<hex>             leaves that were on the list once, for ever
//	host/<agent id>             hosts that were seen
//	event-queue/<agent>.<queue> checkpoints of the event log
//	event-log                   its position
//
// Accounts and audit records are kept by their own rooms in the same file.
package store
