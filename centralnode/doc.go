// Package centralnode assembles the rooms of the Central Node into a daemon:
// New opens what it remembers and listens, Run serves until its context ends.
// The faces (the menu, commands, and files over SSH; later the web) are added by
// cmd/centralnode, which calls Admin.
package centralnode
