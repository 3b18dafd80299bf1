// Package dashboard is the first page of the web interface: what needs a person
// now, with the way to where it is settled, then what the Central Node counts,
// then how that went up and down.
package dashboard
