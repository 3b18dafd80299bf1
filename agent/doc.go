// Package agent is Vedette's reference Endpoint Agent: it joins the rooms below
// it to one daemon. collect sees processes start and end, policy says which of
// them are worth sending and where to, queue keeps them on disk, uplink brings
// them to the Central Node.
//
//	collect -> policy (TTL, throttling) -> queue -> uplink
//
// The agent follows its settings while it runs: a change of the policy file or
// of the local settings takes effect within seconds. Settings with a fault are
// refused as a whole; the last good ones stay in force and the status says so.
// Whether an agent runs, and how it stands, is in its state folder: a lock and
// a status file that only its owner can read.
package agent
