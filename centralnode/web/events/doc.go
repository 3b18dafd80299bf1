// Package events is the pages of the event log: the search for events by time,
// host, kind and text, its results from the newest back in parts that lose and
// repeat nothing, one event, and the stream of rows that follows new events.
package events
