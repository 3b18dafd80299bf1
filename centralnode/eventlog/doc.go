// Package eventlog keeps what agents report, durably, on NATS JetStream.
//
// One package of an agent is one message of one stream, under the subject
// events.<agent>.<queue>; its body is the deterministic protobuf encoding of
// agentv1.SendEventsRequest and what the Central Node knows about it (way,
// address, leaf, host, revision) travels in the message's headers. By default
// the server runs inside this process: no port, an in-process connection, one
// fsync before every acknowledgement. With Config.NATSURL the same code speaks
// to an existing server or cluster, whose own settings then decide how durable
// an acknowledged package is; State says what was found.
//
// # One effect
//
// A package is known by (agent, queue, seq). The log remembers the highest seq
// of each queue and the digests of its newest packages, so that a package sent
// again is answered like the first time and stored once, and a package that
// carries a seq already used for other content is refused (ErrConflict: two
// agents share one disk image). The memory is rebuilt at Open from the last
// checkpoint and the messages after it. Nothing is removed by age before a
// checkpoint covers it, and nothing is acknowledged when checkpoints fall so
// far behind that retention by size could overtake them.
//
// After a publish with an unknown outcome the whole session with the store is
// given up, so that nothing of it can still be stored, and its queue is in
// doubt: the truth is read back in the next session before anything else of the
// queue is decided. A remote server may store what an ended connection had sent
// all the same; there each message has an id that the server takes only once,
// and checkpoints are taken from the messages themselves.
//
// One stream belongs to one Central Node.
//
// # Faults
//
// Open fails only for a Config that can never work. A full disk, a foreign or
// damaged folder or a NATS server that cannot be reached leave the Log
// degraded: Append answers ErrUnavailable, State says why in plain words, and
// Run keeps trying until the cause has gone.
//
// # Reading
//
// Search looks from the newest back, in parts that go on from each other; Watch
// shows what comes to whoever looks, and may leave out what a slow one would
// miss. A reader that must have every event once keeps a Cursor.
//
// What the log leaves to others: who may append (package agents judges), what
// events mean, and where checkpoints are kept (package store).
package eventlog
