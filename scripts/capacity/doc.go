// Package capacity holds tests of proto/capacity over an emulated link: that a
// test finds what the link carries, and what it costs those who use the link
// meanwhile. Sensor and Central Node are their link alone, with its real lanes
// over TLS, in this process; the packets are carried by another one.
package capacity
