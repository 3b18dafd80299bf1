package websession

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// What a form that is sent may be refused for.
var (
	// ErrForeignForm is a form that did not come from a page of this session.
	ErrForeignForm = errors.New("the form is not one of this session")
	// ErrOldForm is a form of a page that was opened too long ago.
	ErrOldForm = errors.New("the page of the form was opened too long ago")
)

const (
	formLifetime = 12 * time.Hour
	maxSent      = 256 // forms whose answers are remembered
	tokenLength  = 8 + 16 + sha256.Size
)

// forms remembers what was sent. A form is taken once: whoever sends it again,
// by a second click or by going back, gets the answer of the first time.
type forms struct {
	sent  map[formID]*Sent
	order []formID
	// floor is the time before which forms are too old, because what was sent
	// then may be forgotten.
	floor time.Time
}

// formID tells forms apart: when it was made, and a random number. It is not the
// token's text, which can be written in more than one way.
type formID [8 + 16]byte

func (f formID) made() time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(f[:8]))) }

// Sent is a form that was sent.
type Sent struct {
	done   chan struct{}
	answer any
}

// Token makes the proof that one form, on the page that is shown now, carries.
func (s *Session) Token() string {
	var raw [tokenLength]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(s.now().UnixNano()))
	rand.Read(raw[8:24]) // never fails
	copy(raw[24:], s.sign(raw[:24]))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

func (s *Session) sign(head []byte) []byte {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(head)
	return mac.Sum(nil)
}

// Send takes a form by its token. The first to send it gets first = true, does
// what the form asks for and then calls Answer. Others get the same Sent, whose
// Wait returns that answer. Errors: ErrForeignForm, ErrOldForm.
func (s *Session) Send(token string) (sent *Sent, first bool, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenLength || !hmac.Equal(raw[24:], s.sign(raw[:24])) {
		return nil, false, ErrForeignForm
	}
	id := formID(raw[:len(formID{})])
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, ok := s.forms.sent[id]; ok {
		return before, false, nil
	}
	if s.now().Sub(id.made()) > formLifetime || id.made().Before(s.forms.floor) {
		return nil, false, ErrOldForm
	}
	sent = &Sent{done: make(chan struct{})}
	s.forms.sent[id] = sent
	s.forms.order = append(s.forms.order, id)
	if len(s.forms.order) > maxSent {
		s.forget()
	}
	return sent, true, nil
}

// forget drops the form that was sent first, and with it every form that was
// made by then: it could not be told from one that was sent.
func (s *Session) forget() {
	oldest := s.forms.order[0]
	s.forms.order = s.forms.order[1:]
	delete(s.forms.sent, oldest)
	if made := oldest.made(); !made.Before(s.forms.floor) {
		s.forms.floor = made.Add(1)
	}
}

// Answer says what came of the form; it is called once, by whoever was first.
func (f *Sent) Answer(answer any) {
	f.answer = answer
	close(f.done)
}

// Done is closed when there is an answer.
func (f *Sent) Done() <-chan struct{} { return f.done }

// Wait returns the answer when there is one.
func (f *Sent) Wait() any {
	<-f.done
	return f.answer
}
