// Package trends remembers how what the Central Node counts went up and down: a
// day by steps of 5 minutes, a month by the hour. It is a small fixed piece of
// memory, kept in the state file as one quiet record, so that a restart costs
// its own time and, after a crash, at most what was not saved yet.
//
// Steps lie at round times of the clock. What was counted in a step is kept with
// the step's number, so whatever the clock does, a step shows what was counted at
// that time or nothing: a clock that jumped and came back has spoilt as many
// steps as it went through, and no others.
//
// Key in the state file:
//
//	trends   what is remembered
package trends
