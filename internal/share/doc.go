// Package share is one rate, shared fairly by back-pressure. Whoever has read
// bytes takes them from a token bucket before it passes them on, and waits
// while the bucket is empty: nothing is dropped, the sender's TCP slows down.
//
// Bytes are shared by owner, not by connection: an owner gets its equal part
// however many connections it has, and shares that among them in turn. Whoever
// is away for a moment, to read the next bytes, loses nothing by it.
//
// While there is enough for everybody a Take costs one mutex and one look at
// the clock. A waiter is the goroutine that reads; there is no other.
package share
