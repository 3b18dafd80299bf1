// Package queue keeps packages of events on disk until the Central Node has
// made them durable.
//
// One package is one file: a header with checksums and the zstd-compressed
// events. A package counts as queued once its file and the folder are synced.
// Measured on an ext4 virtual disk a package of 1,024 events costs one
// millisecond, nearly all of it in the two syncs, and an agent writes one
// package every few seconds at most, so segments would buy nothing and cost
// the simple rules below.
//
//   - Numbers never go backwards: they are taken from a reserved range that is
//     on disk before its first number is used.
//   - Packages leave in the order of their numbers, because the Central Node
//     remembers only the highest one of a queue.
//   - The number on the wire is the file's number less a base, so a queue gets
//     a new identity by one atomic write, whatever is queued.
//   - When the bound in bytes is reached the oldest package goes and its events
//     are counted; the package that is being sent stays.
//   - When the disk takes no more, packages stay in memory up to a bound of
//     their own and go to disk as soon as there is room.
//   - A package that was half written or damaged is dropped and counted.
//
// The identity of the installation (agent_id) lives here too: both identities
// change together when the disk turns out to be a copy on another machine.
package queue
