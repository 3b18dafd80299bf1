// Package reflector answers what Sensors, and others where a setting allows it,
// measure the path to the Central Node with: STAMP by UDP (proto/stamp), on one
// socket.
//
// A session is for one link: its key is handed out on the link's control stream,
// packets are answered at the address that the link comes from and at no other,
// and nothing is answered any more once the link has ended. What is not answered
// is counted by reason and not logged, for it costs a stranger nothing to send
// it.
package reflector
