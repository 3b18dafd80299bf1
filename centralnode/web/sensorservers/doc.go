// Package sensorservers is the section Sensor servers of the web interface: the
// documented Server list with how each link does, and one Sensor's page, where
// a Local administrator accepts, rejects or deletes it.
package sensorservers
