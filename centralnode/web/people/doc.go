// Package people is the pages of who may sign in: Settings, Accounts for those
// who manage them, and Account for everybody's own password, second factor, keys
// and sessions.
package people
