package about

import (
	"errors"
	"fmt"
	"slices"
)

const (
	questionMagic = "VAQ\x01"
	answerMagic   = "VAA\x01"
	questionSize  = len(questionMagic) + 32
	answerSize    = len(answerMagic) + 2
)

var (
	errQuestion = errors.New("not a question of " + ALPN)
	errAnswer   = errors.New("not an answer of " + ALPN)
)

// The number of a word on the wire is its place here; an empty role stands for none.
var (
	roles = [...]string{"", RoleCentralNode, RoleSensor}
	pins  = [...]string{PinUnknown, PinOwn, PinCentralNode, PinSensor}
)

// check refuses words that are none, and what no server can say: a Central Node has no other Central Node, and a Sensor
// knows no Sensor but itself.
func (a Answer) check() error {
	if a.Role == "" || !slices.Contains(roles[:], a.Role) || !slices.Contains(pins[:], a.Pin) ||
		a.Role == RoleCentralNode && a.Pin == PinCentralNode || a.Role == RoleSensor && a.Pin == PinSensor {
		return fmt.Errorf("no server has the role %q and a pin that is %q", a.Role, a.Pin)
	}
	return nil
}

func appendQuestion(b []byte, pin [32]byte) []byte {
	return append(append(b, questionMagic...), pin[:]...)
}

func decodeQuestion(b []byte) ([32]byte, error) {
	if len(b) != questionSize || string(b[:len(questionMagic)]) != questionMagic {
		return [32]byte{}, errQuestion
	}
	return [32]byte(b[len(questionMagic):]), nil
}

func (a Answer) append(b []byte) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return append(append(b, answerMagic...), byte(slices.Index(roles[:], a.Role)), byte(slices.Index(pins[:], a.Pin))), nil
}

func decodeAnswer(b []byte) (Answer, error) {
	if len(b) != answerSize || string(b[:len(answerMagic)]) != answerMagic {
		return Answer{}, errAnswer
	}
	role, pin := int(b[len(answerMagic)]), int(b[len(answerMagic)+1])
	if role >= len(roles) || pin >= len(pins) {
		return Answer{}, errAnswer
	}
	a := Answer{Role: roles[role], Pin: pins[pin]}
	if a.check() != nil {
		return Answer{}, errAnswer
	}
	return a, nil
}
