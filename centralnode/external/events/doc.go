// Package events gives external systems the events that agents report:
// GET /kata/events_api/v1/{external_system_id}/events.
//
// # Continuing
//
// Every answer has a continuation token, which names the place between two
// events where the answer ended. A call with it goes on exactly there: no event
// is lost and none comes twice, whatever max_events cuts, and across restarts of
// the daemon. A token is no secret and no right: it is a place in the log, and
// any accepted system may go on from any.
//
// A call without a token answers what is there at that moment, from the oldest
// event on, so that whoever goes on with the token gets all of it and then what
// comes.
//
// Events are given for two hours after they arrived, as documented, also when
// the log keeps them longer. Whoever comes later goes on at the oldest that is
// left, and the first event then says how many packages of events were left out
// (vedette.skipped_packages). A token of another event store, or of an end that
// this one has lost, cannot be gone on from: the answer is 400 and says to start
// without a token.
//
// # Waiting
//
// With max_timeout a call waits until there is an event to give, and answers
// with an empty list when none came. A call that waits holds its connection, two
// goroutines and no more; it ends when its system is withdrawn (the door cuts
// the connection), when the caller goes away and, with an empty answer, when the
// daemon stops. How many calls there may be at once is bounded for each system
// and in all, and so is how many answers are being made and written, since those
// hold memory.
//
// # An event
//
// An event has Timestamp, in microseconds since 1970, and the fields of
// acts.Event with the names of the Elastic Common Schema. Clients of the
// documented product look for Ioa, which marks events that a rule of detection
// matched; there are no such rules here, so no event has it.
package events
