// Package admin holds each administrative act of the Central Node once, one
// file each: who may do it, what it will break (preview), the deed, and its
// audit record. Menu, commands, web interface and tests call it with the types
// of internal/acts; none goes around it.
//
// An act that was seen on a stale screen is refused by revision. An act that
// takes rights away returns after the gateway has put it in force.
package admin
