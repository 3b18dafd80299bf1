// Package emulink is an emulated link for tests and benchmarks: two network
// namespaces of its own, a TUN device in each, and forwarders that carry IP
// packets between them as slowly, narrowly and badly as they are told. It does
// what the kernel's netem does, without a kernel that has it, and counts what it
// drops by cause, so that a test knows the truth and not only what was set.
//
// A packet meets, in this order: the black hole (Direction.MTU), the queue in
// front of the line (Queue), the line's clock (Rate), loss (Loss, Burst), and
// the way (Delay, Jitter). Loss has a fixed seed. Validate measures a link by
// ordinary sockets and says what is not as it was set; use no link without.
//
// Namespaces need root and /dev/net/tun. What a process that was killed left
// behind is removed by the next New of any process.
//
// The forwarders run in the process that calls New, or, where that process is
// busy with other things, in a child that calls Serve.
package emulink
