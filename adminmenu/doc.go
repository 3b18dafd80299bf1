// Package adminmenu is the administrator menu: the documented windows, in the
// documented order and words, on a terminal of at least 80 columns and 24 rows.
//
// It knows how to show and to ask. What is shown and done is a daemon's, which
// the menu reaches through the small interfaces of backend.go.
package adminmenu
