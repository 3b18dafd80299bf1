// Package sshd is how administrators reach a daemon: an SSH server whose
// sessions run the daemon's own commands and menu, never a shell or a child
// process.
//
// A [Server] has one door, which says who came. The door made by [ListenUnix]
// is a unix socket: there is no password, the kernel says who connected (peer
// credentials), and only root and the daemon's own user are let in, as the
// account "local". [Dial] is the other end of that door, for the local binary.
// The door made by [Listen] is for the network: whoever connects proves with a
// password or a public key to be one of the accounts. Until then a connection is
// a stranger's, with few places, little time, few attempts and few lines in the
// log. A session is entered in a table ([vedette/internal/sessions]), through
// which it ends as soon as what it was signed in with is withdrawn.
//
// What a session may do is given by hooks: [Command] for the lines that clients
// give and for the menu, [Config].Home for scp and sftp; the package knows no
// command. Only "session" channels are served, each with one shell, one command
// or one SFTP subsystem: forwarding either way, agents, X11, tunnels and other
// subsystems are refused, and so are all global requests. Of the client's
// environment only what chooses colours and characters is taken, and given to
// the command, never to the process. A command line is split by [Split], which
// is a small grammar of quotes without expansion; [Quote] is its inverse.
//
// A client that goes away ends its command's context, also one that says nothing
// any more; and a command whose context has ended is never held by a client that
// does not read. A standard input that was cut off ends with io.ErrUnexpectedEOF
// and not with io.EOF, so half an upload is never taken for a whole one.
package sshd
