package link

import (
	"errors"
	"fmt"
)

// Code says why a stream or a link ended. Numbers below FirstApplicationCode are this protocol's and never change their
// meaning; the others belong to the program that uses the link.
type Code uint16

// The codes of the protocol.
const (
	CodeNone        Code = 0  // no reason was given
	CodeProtocol    Code = 1  // the peer broke a rule of the wire
	CodeFlow        Code = 2  // data beyond the granted credit, or scattered over too many gaps
	CodeFlood       Code = 3  // more opens, resets, pings or empty frames than the budget allows
	CodeVersion     Code = 4  // no common version
	CodeDuplicate   Code = 5  // another link of the same identity took over
	CodeTimeout     Code = 6  // nothing came in time
	CodeBusy        Code = 7  // a limit on streams or lanes is reached; try later
	CodeGone        Code = 8  // a lane wants to join a link that does not exist (any more)
	CodeShutdown    Code = 9  // this end is going away
	CodeCancel      Code = 10 // the program gave the stream up
	CodeUnsupported Code = 11 // critical metadata that this end does not know
	CodeLost        Code = 12 // the last lane died; never sent
)

// FirstApplicationCode is the first number that the protocol leaves to the program.
const FirstApplicationCode Code = 0x100

var codeWords = map[Code]string{
	CodeNone: "none", CodeProtocol: "protocol", CodeFlow: "flow", CodeFlood: "flood", CodeVersion: "version",
	CodeDuplicate: "duplicate", CodeTimeout: "timeout", CodeBusy: "busy", CodeGone: "gone", CodeShutdown: "shutdown",
	CodeCancel: "cancel", CodeUnsupported: "unsupported", CodeLost: "lost",
}

// String returns the word of a code, or its number.
func (c Code) String() string {
	if w, ok := codeWords[c]; ok {
		return w
	}
	return fmt.Sprintf("code %d", uint16(c))
}

// Error is why a link ended: what this end told its peer, or what the peer told (Remote).
// Reason of a remote error is foreign text: clean it before you show it.
type Error struct {
	Code   Code
	Reason string
	Remote bool
}

// Error describes the end of the link.
func (e *Error) Error() string { return describe("link closed", e.Code, e.Reason, e.Remote) }

// ResetError is why a stream ended before its time. Reason of a remote error is foreign text.
type ResetError struct {
	Code   Code
	Reason string
	Remote bool
}

// Error describes the reset.
func (e *ResetError) Error() string { return describe("stream reset", e.Code, e.Reason, e.Remote) }

func describe(what string, code Code, reason string, remote bool) string {
	s := what + ": " + code.String()
	if remote {
		s = what + " by peer: " + code.String()
	}
	if reason != "" {
		s += fmt.Sprintf(": %q", reason)
	}
	return s
}

// Errors that callers branch on.
var (
	ErrNoLane          = errors.New("the link has no lane yet")
	ErrGoingAway       = errors.New("the peer takes no new streams on this link")
	ErrMetaTooLarge    = errors.New("stream metadata is too large")
	ErrMessageTooLarge = errors.New("control message is larger than 64 KiB")
	ErrWriteClosed     = errors.New("write on a stream whose sending side is closed")
)

// StuckError is why a lane was given up that did not get on while others did.
type StuckError struct{ TCP TCP } // as the kernel last said

func (e *StuckError) Error() string {
	return fmt.Sprintf("the lane does not get on: %d segments of at most %d bytes wait for their acknowledgement", e.TCP.Unacked, e.TCP.SegmentSize)
}

// violation is a broken rule of the wire: the link closes with CodeProtocol.
func violation(format string, args ...any) *Error {
	return &Error{Code: CodeProtocol, Reason: fmt.Sprintf(format, args...)}
}
