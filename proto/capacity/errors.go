package capacity

import (
	"errors"
	"fmt"
)

// Why a test ended without a result.
var (
	// ErrNoAnswer is a peer that did not answer the request in time.
	ErrNoAnswer = errors.New("the other end did not answer the request for a test")
	// ErrTimeout is a test that was not over long after it should have been.
	ErrTimeout = errors.New("the test did not end in time")
	// ErrCut is a peer that ended its direction before the test was over.
	ErrCut = errors.New("the other end left in the midst of the test")
	// ErrExcess is a peer that sent more than was agreed on.
	ErrExcess = errors.New("the other end sent more than was agreed on")
	// ErrReport is a peer whose reports cannot be true.
	ErrReport = errors.New("the other end reported what cannot be")
	// ErrProtocol is a peer that broke another rule of the wire.
	ErrProtocol = errors.New("the other end spoke no capacity test")
	// ErrNothing is a test of which nothing, or too little to judge by, arrived.
	ErrNothing = errors.New("too little of the test arrived")
	// ErrSpec is a test that is out of bounds.
	ErrSpec = errors.New("test out of bounds")
)

// Refusal is why a Central Node makes no test.
type Refusal uint8

// The refusals of the wire; numbers are never used again.
const (
	RefusedBusy    Refusal = 1 // a test of this Sensor is under way
	RefusedCrowd   Refusal = 2 // as many tests of other Sensors are under way as may be
	RefusedVersion Refusal = 3 // the request is of another version, or out of bounds
	RefusedLeaving Refusal = 4 // the Central Node is about to stop
)

// Error says why in a sentence without its full stop.
func (r Refusal) Error() string {
	switch r {
	case RefusedBusy:
		return "a test of this Sensor's link is under way already"
	case RefusedCrowd:
		return "the Central Node tests the links of other Sensors now"
	case RefusedVersion:
		return "the Central Node does not know this kind of test"
	case RefusedLeaving:
		return "the Central Node is about to stop"
	default:
		return fmt.Sprintf("the Central Node refuses the test (%d)", uint8(r))
	}
}
