package sshd

import "errors"

// Errors of listening.
var (
	ErrInUse       = errors.New("another daemon listens on this socket")
	ErrPathTooLong = errors.New("the path of a unix socket may have 107 bytes at most")
	ErrNotSocket   = errors.New("the path exists and is not a socket")
	ErrUnsafe      = errors.New("the socket's folder can be written by others")
)

// Errors of dialling and running.
var (
	// ErrNoDaemon says that nobody answers on the socket.
	ErrNoDaemon = errors.New("no daemon answers")
	// ErrNotAllowed says that the daemon, or the mode of its socket, keeps
	// this user out.
	ErrNotAllowed = errors.New("not allowed to use the socket")
	// ErrImpostor says that the socket belongs to somebody who is neither
	// root, nor this user, nor the owner of the socket's folder.
	ErrImpostor = errors.New("the socket is served by a user who does not own its folder")
	// ErrLost says that the connection ended before the command did: what the
	// command was to do may or may not have been done.
	ErrLost = errors.New("the connection to the daemon was lost")
)
