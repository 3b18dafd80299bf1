// Package admin holds each administrative act of the Sensor once, one file
// each: who may do it, what it will break (preview), the deed, and its audit
// record. Menu, commands and tests call it with the types of internal/acts;
// none goes around it.
//
// What the acts of both daemons are alike in is in internal: the server
// certificate's in servercert, the accounts' in accounts, the audit records' in
// conduct.
package admin
