package sensors

import (
	"errors"
	"fmt"

	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// ending is why this side ends a link.
type ending struct {
	code   link.Code
	reason string
}

func (e *ending) Error() string { return e.reason }

// The reasons. A peer is told no more than these words.
var (
	errStopping  = &ending{link.CodeShutdown, "the Central Node stops"}
	errReplaced  = &ending{link.CodeShutdown, "the server certificate was replaced"}
	errDeleted   = &ending{controlv1.CodeDeleted, "an administrator deleted this Sensor"}
	errCrowded   = &ending{controlv1.CodeStranger, "too many requests wait for an administrator"}
	errTwin      = &ending{controlv1.CodeStranger, "another Sensor has the same id"}
	errNotKept   = &ending{link.CodeBusy, "the request cannot be kept now"}
	errStreams   = &ending{controlv1.CodeNotAccepted, "streams of a Sensor that is not Accepted"}
	errSilent    = &ending{link.CodeTimeout, "no introduction"}
	errUnread    = &ending{link.CodeTimeout, "control messages are not read"}
	errUntaken   = &ending{link.CodeTimeout, "the policy was not taken in time"}
	errPanic     = &ending{link.CodeShutdown, "this side failed"}
	errTalkative = &ending{controlv1.CodeControl, "too many control messages"}
)

// nonsense ends a link whose control messages broke a rule.
func nonsense(format string, args ...any) *ending {
	return &ending{controlv1.CodeControl, fmt.Sprintf(format, args...)}
}

// closing gives the code and the words with which a link ends because of err.
func closing(err error) (link.Code, string) {
	var e *ending
	if errors.As(err, &e) {
		return e.code, e.reason
	}
	return link.CodeShutdown, ""
}
