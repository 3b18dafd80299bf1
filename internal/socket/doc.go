// Package socket reads and writes TCP connections and UDP sockets without
// telling Go's scheduler.
//
// Before each system call the syscall package tells the scheduler that the
// thread may be gone for a while, and that wakes the runtime's monitor, which
// then looks every 20 microseconds, for a millisecond at least, whether the
// thread has to be replaced. For a daemon that wakes a thousand times a second
// for a little work, that is a large part of all it costs: measured at a Sensor,
// 25 to 40 % of a small request at 2,000 requests a second, and 15 to 20 % of a
// gigabyte at 100 MB/s. Sockets of the net package never block in a system call,
// so there is nothing to tell; waiting is the poller's business as ever.
//
// A build with the race detector makes the calls that it watches.
package socket
