// Package acts holds the words of administration: who acts, what an act takes
// and gives back, what it will break, and why it was refused. Menu, commands,
// web interface and tests speak in these types to a daemon's admin room.
//
// It has no behaviour beyond parsing and printing its own words.
package acts
