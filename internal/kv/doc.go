// Package kv is what a daemon remembers: one file with one ordered space of
// keys, a revision for every change, and watchers who see each change once.
//
// The contract is the part of etcd's that the product needs, so that another
// engine can take this place: a global revision that grows by one with every
// Apply, the revision of its last write on every key, transactions guarded by
// the revisions that were read, consistent snapshots, and a watch from a
// revision that may answer "list again" when its bounded history no longer
// reaches that far back. The engine is bbolt; none of its types and no
// transaction of it leave this package.
//
// What is acknowledged is on disk: Apply returns after the file was synced.
// What is not acknowledged is never shown: readers and watchers see only
// acknowledged revisions, also after a failed sync left the file itself in
// doubt. Disk trouble comes in two kinds. A full disk refuses the change,
// leaves everything as it was and goes away with its cause. A failed sync
// leaves open what the disk holds, so the store goes on reading and refuses
// every later change until it is opened again (see State).
//
// Values are bytes to this package. Their meaning, and their versioned JSON,
// belong to the rooms above.
package kv
