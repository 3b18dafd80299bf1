package capacity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Test is the Sensor's end. It returns after the duration and at most graceTime more, or when ctx ends. Errors are a
// Refusal, those of this package, or what the stream said.
func Test(ctx context.Context, stream Stream, spec Spec, look Look) (Result, error) {
	spec, err := spec.Check()
	if err != nil {
		return Result{}, err
	}
	defer cutShort(ctx, stream)()
	if err := allow(ctx, stream, answerTime); err != nil {
		return Result{}, err
	}
	began := time.Now()
	_, err = stream.Write(appendRequest(nil, spec))
	if err == nil {
		err = readAnswer(stream)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
		return Result{}, ErrNoAnswer
	}
	if err == nil {
		err = allow(ctx, stream, spec.whole())
	}
	if err != nil {
		return Result{}, named(ctx, err)
	}
	roundTrip := time.Since(began)
	var all series
	var others crowd
	if spec.Back {
		r := receiver{stream: stream, spec: spec, began: began, look: look}
		all, err = r.run()
		others = r.crowd
	} else {
		s := newSender(stream, spec, look)
		all, err = s.run(ctx)
		others = s.pace.crowd
	}
	if err != nil {
		return Result{}, named(ctx, err)
	}
	if allow(ctx, stream, endTime) == nil {
		_ = closing(stream) // then the Central Node takes another test; the result is there, whatever becomes of its stream
	}
	r, err := all.result(spec)
	r.Growing = r.Growing || others.there() || spec.Duration < fewest*roundTrip
	return r, err
}

// Serve is the Central Node's end. It returns when the test is over, whose result is the Sensor's.
func Serve(ctx context.Context, stream Stream, look Look) error {
	defer cutShort(ctx, stream)()
	if err := allow(ctx, stream, answerTime); err != nil {
		return err
	}
	spec, err := readRequest(stream)
	if errors.Is(err, RefusedVersion) {
		if _, err := stream.Write(appendAnswer(nil, RefusedVersion)); err != nil {
			return named(ctx, err)
		}
		return errors.Join(RefusedVersion, named(ctx, closing(stream)))
	}
	if err == nil {
		err = allow(ctx, stream, spec.whole())
	}
	if err != nil {
		return named(ctx, err)
	}
	began := time.Now()
	if _, err = stream.Write(appendAnswer(nil, 0)); err == nil {
		if spec.Back {
			_, err = newSender(stream, spec, look).run(ctx)
		} else {
			_, err = (&receiver{stream: stream, spec: spec, began: began}).run()
		}
	}
	return named(ctx, err)
}

// Refuse is the Central Node's end when there is to be no test. It returns when the Sensor has heard it, or answerTime is
// over.
func Refuse(ctx context.Context, stream Stream, why Refusal) error {
	defer cutShort(ctx, stream)()
	if err := allow(ctx, stream, answerTime); err != nil {
		return err
	}
	_, err := readRequest(stream)
	if err == nil || errors.Is(err, RefusedVersion) {
		if _, err = stream.Write(appendAnswer(nil, why)); err == nil {
			err = closing(stream)
		}
	}
	return named(ctx, err)
}

// closing waits until the Sensor, who has nothing more to say, ends its direction: whoever closed first could destroy the
// answer on its way.
func closing(stream Stream) error {
	switch n, err := stream.Read(make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("%w: something follows the answer", ErrProtocol)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// cutShort ends every wait on the stream when ctx ends, until the returned function is called.
func cutShort(ctx context.Context, stream Stream) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = stream.SetDeadline(time.Unix(1, 0)) // where it cannot, the deadline of the test ends it
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

// allow gives the stream time. A ctx that ended before has set the deadline already, which must not move.
func allow(ctx context.Context, stream Stream, d time.Duration) error {
	if err := stream.SetDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// named gives an error of a stream its name here.
func named(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrCut
	}
	return fmt.Errorf("capacity test: %w", err)
}
