// Package signin is the pages by which somebody signs in to the web interface
// and out of it: name and password, the second factor, and a new password where
// somebody else knows the present one.
package signin
