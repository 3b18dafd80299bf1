// Package store is what the Central Node remembers, as typed entities over
// internal/kv: one file an entity, versioned JSON values. Reading gives an
// entity with the revision it was written at; writing adds operations to a
// Change, which the audit trail commits together with the act's record.
//
// Keys:
//
//	validation                  the switch Validate Endpoint Agent TLS certificates
//	agent-certificate/<hex>     the list of agent certificates
//	withdrawn/<hex>             leaves that were on the list once, for ever
//	sensor-server/<hex>         Sensors: their requests and what was decided
//	sensor-contact/<hex>        what Sensors said last, off the watch
//	sensor-history/<hex>/<hour> minutes of their links by hour of the day, off the watch
//	external-system/<hex>       external systems: their requests and what was decided
//	system-contact/<hex>        what was noted of their calls, off the watch
//	scan-priority               the switch Maximum scan priority
//	host/<agent id>             hosts that were seen
//	host-activity               when a silent host is called inactive
//	event-queue/<agent>.<queue> checkpoints of the event log
//	event-log                   its position
//
// Accounts, audit records and the server certificate are kept by their own
// rooms in the same file.
package store
