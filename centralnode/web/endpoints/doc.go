// Package endpoints is the pages of the Endpoint Agents: the table of their
// hosts with its filters and activity, the thresholds of the activity, and one
// host with its newest events.
package endpoints
