// Package store is what a Sensor remembers, as typed entities over internal/kv:
// one file an entity, versioned JSON values. Reading gives an entity with the
// revision it was written at; writing adds operations to a Change, which the
// audit trail commits together with the act's record.
//
// Keys:
//
//	link-identity   what the Sensor shows to the Central Node, with its key
//	central-node    the Central Node, its pins and the request to it
//	link-history/*  what was measured of the link, an hour in a value
//	link-capacity   what the last test of the channel found
//
// Accounts, audit records and the server certificate are kept by their own
// rooms in the same file. The policy is not kept: each link brings its own.
package store
