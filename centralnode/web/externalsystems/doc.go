// Package externalsystems is the section External systems of the web interface:
// the fingerprint that their administrators compare, the switch Maximum scan
// priority, the documented Server list with its decisions, and one system's
// page with the check of its connection.
package externalsystems
