// Package sshd is how administrators reach a daemon: an SSH server whose
// sessions run the daemon's own commands, never a shell or a child process.
//
// A [Server] has one door, which says who came. The door made by [ListenUnix]
// is a unix socket: there is no password, the kernel says who connected (peer
// credentials), and only root and the daemon's own user are let in, as the
// account "local". [Dial] is the other end of that door, for the local binary.
//
// What a session may do is given by hooks ([Command]); the package knows no
// command. Only "session" channels with one "exec" request are served:
// forwarding, agents, X11, environment, terminals and subsystems are refused,
// and so are all global requests. A command line is split by [Split], which is
// a small grammar of quotes without expansion; [Quote] is its inverse.
//
// A client that goes away ends its command's context. A standard input that
// was cut off ends with io.ErrUnexpectedEOF and not with io.EOF, so half an
// upload is never taken for a whole one.
package sshd
