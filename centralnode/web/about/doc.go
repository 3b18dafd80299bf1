// Package about is the section About of the web interface: what runs here, what
// proves that it does, and what it is made of.
package about
