// Package gates holds the product to what it has reached beside its peers: the
// measures of scripts/bench, made smaller, in their own programs. A gate is an
// aim of such a measure with slack for the noise of a shared machine, and is
// about a ratio of subjects that took turns. Absolute figures are no gates.
//
// The tests are not built for the race detector, which would run them beside
// all others: scripts/test.sh runs them alone.
package gates
