package clamd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"vedette/centralnode/scan/engine"
)

// maxReply bounds what clamd may answer, in bytes.
const maxReply = 64 << 10

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// unreadableError says that the object itself could not be read.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string { return "read the object: " + e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

// answer is what came back, and whether all had been sent by then.
type answer struct {
	text string
	sent bool
}

// ask sends a command and reads its answer.
func (e *Engine) ask(ctx context.Context, command string) (answer, error) {
	return e.exchange(ctx, func(conn net.Conn) error {
		_, err := conn.Write([]byte("z" + command + "\x00"))
		return err
	})
}

// stream sends one object of this size and reads what clamd says about it. It
// goes as one chunk: clamd compares the size of a chunk with what it takes
// before it reads it.
func (e *Engine) stream(ctx context.Context, object io.Reader, size int64) (answer, error) {
	return e.exchange(ctx, func(conn net.Conn) error {
		head := []byte("zINSTREAM\x00")
		if size > 0 {
			head = binary.BigEndian.AppendUint32(head, uint32(size)) // at most maxSent
		}
		if _, err := conn.Write(head); err != nil {
			return err
		}
		source := &source{r: io.LimitReader(object, size)}
		if n, err := io.Copy(conn, source); source.err != nil {
			return &unreadableError{source.err}
		} else if err != nil {
			return err
		} else if n != size {
			return &unreadableError{fmt.Errorf("it has %d bytes, %d were expected", n, size)}
		}
		_, err := conn.Write([]byte{0, 0, 0, 0})
		return err
	})
}

// source remembers an error of reading, which is not one of the connection.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// exchange has send write to a new connection and reads, at the same time, what
// comes back until the other side closes it. Every read and write ends when ctx
// does.
func (e *Engine) exchange(ctx context.Context, send func(net.Conn) error) (answer, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, e.network, e.address)
	if err != nil {
		return answer{}, e.failed(ctx, "connect to", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return answer{}, errors.Join(e.failed(ctx, "connect to", err), conn.Close())
		}
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })() // an error: it is closed

	var text []byte
	var readErr error
	read := make(chan struct{})
	go func() {
		defer close(read)
		text, readErr = io.ReadAll(io.LimitReader(conn, maxReply+1))
		_ = conn.SetWriteDeadline(past) // nothing that is still to be written matters
	}()
	sendErr := send(conn)
	var unreadable *unreadableError
	if errors.As(sendErr, &unreadable) {
		_ = conn.SetDeadline(past) // the object's end is never said
	}
	<-read
	closeErr := conn.Close()

	whole := len(text) > 0 && len(text) <= maxReply && text[len(text)-1] == 0
	switch {
	case unreadable != nil:
		return answer{}, unreadable
	case len(text) > maxReply:
		return answer{}, fmt.Errorf("clamd at %s answered more than %d bytes", e.address, maxReply)
	case whole && (readErr == nil || !timedOut(readErr)):
		// What clamd refused in the middle of it ends in a reset behind the answer.
		return answer{text: string(text[:len(text)-1]), sent: sendErr == nil}, nil
	case readErr != nil:
		return answer{}, e.failed(ctx, "read the answer of", readErr)
	case len(text) > 0:
		return answer{}, fmt.Errorf("clamd at %s ended in the middle of its answer", e.address)
	case sendErr != nil && !timedOut(sendErr):
		return answer{}, e.failed(ctx, "write to", sendErr)
	default:
		return answer{}, errors.Join(fmt.Errorf("clamd at %s ended without an answer", e.address), closeErr)
	}
}

func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// failed names the error of an exchange.
func (e *Engine) failed(ctx context.Context, doing string, err error) error {
	switch cause := ctx.Err(); {
	case errors.Is(cause, context.Canceled):
		return cause
	case cause != nil, timedOut(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s clamd at %s: %w", doing, e.address, engine.ErrTimeout)
	}
	return fmt.Errorf("%s clamd at %s: %w", doing, e.address, err)
}
