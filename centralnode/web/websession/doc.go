// Package websession keeps those who are signed in to the web interface: what
// a browser's cookie stands for, and what belongs to one person's visit alone,
// which is in memory and nowhere else. That is the proof that a form came from
// one of our pages and was not sent before, what came of an act until the page
// that shows it is read, and what may be fetched once.
//
// How somebody signs in is the sign-in pages' matter.
package websession
