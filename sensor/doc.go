// Package sensor assembles the rooms of the Sensor into a daemon: New opens
// what it remembers and listens, Run serves until its context ends. The faces
// (the menu, commands, and files over SSH) are added by cmd/sensor, which calls
// Admin.
package sensor
