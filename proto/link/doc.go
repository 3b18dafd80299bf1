// Package link is the protocol between a Sensor and its Central Node: many streams over a few lanes, both ends. It knows
// nothing of agents, certificates' validity or policy; proto/SPEC.md describes the wire for a second implementation.
//
// # Model
//
// A link is a relation between two processes that lasts while at least one of its lanes lives. A lane is one connection,
// handed over by the caller with TLS, pins and ALPN done. The dialing end adds lanes (NewDialing, Link.AddLane) and
// opens streams; the accepting end lets lanes in (NewAccepting, Acceptor.Join) and accepts streams. The first HELLO
// begins a link and takes over from an older one of the same peer; the others join by link id and epoch.
//
// A Stream is a net.Conn with two directions that end separately. What it carries is numbered by offset, kept until the
// peer has acknowledged it, and sent again on another lane when its lane dies: a lane may die and no stream loses a byte.
// A stream that cannot go on ends with an error; only a stream that has come whole ends with io.EOF.
//
// # Parts
//
//   - frame, hello, meta: the wire, strict decoders and encoders
//   - end, state, lane, window, gather: one end as a state machine without I/O, clocks or goroutines. Frames go in, records
//     come out. The model test drives two of them through lane deaths, late records and copies.
//   - copy, loss: what goes out on two lanes, and when
//   - inbound, outbound, chunk, control: the bytes of a stream in each direction, and stream 0
//   - shun, stuck: lanes that do not get on, what happens to their frames, and when
//   - vigour: lanes that carry less than they could
//   - queue, budget: who may send next, and how much of what a peer may ask for
//   - link, carrier, join, stream, socket: the same with real connections
//
// One mutex guards the state of a link. Each lane has a goroutine that reads and one that writes; a reader never waits
// for a writer, it leaves marks that writers gather. A stream has no goroutine of its own.
//
// # Who goes first
//
// RST, WINDOW and PING go before stream 0, that before interactive data, that before bulk; streams take turns by owner
// (the leaf, else the address, in their metadata), then one by one. A direction is interactive while its backlog fits the
// allowance that it has saved at twice its recent rate. Small lanes carry everything but bulk, bulk lanes bulk, and either
// class everything while the other has no lane.
//
// While TCP has to send much again, small frames go out on two lanes, each at once: the first to arrive counts. Small lanes
// take turns then, the next one has the copy.
package link
