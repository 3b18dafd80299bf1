package sensors_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"vedette/centralnode/sensors/sensortest"
	"vedette/proto/capacity"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// tested makes a test as an orderly Sensor does.
func tested(ctx context.Context, s *sensortest.Sensor, spec capacity.Spec) (capacity.Result, error) {
	stream, err := s.Link().Open(ctx, link.Meta{Measure: true})
	if err != nil {
		return capacity.Result{}, err
	}
	r, err := capacity.Test(ctx, stream, spec, nil)
	if err != nil && !errors.Is(err, capacity.RefusedBusy) && !errors.Is(err, capacity.RefusedCrowd) {
		stream.Reset(link.CodeCancel, "")
		return r, err
	}
	return r, errors.Join(err, stream.Close())
}

// underWay begins a long test that costs nothing, and returns when the Central
// Node has begun it too. End gives it up and returns why it ended; over has
// that when it ended by itself.
func underWay(t *testing.T, s *sensortest.Sensor) (end func() error, over <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := s.Link().Open(ctx, link.Meta{Measure: true})
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		_, err := capacity.Test(ctx, &answered{Stream: stream, answer: began}, capacity.Spec{Duration: capacity.MaxDuration, Rate: capacity.MinRate}, nil)
		stream.Reset(link.CodeCancel, "")
		ended <- err
	}()
	select {
	case <-began:
	case err := <-ended:
		t.Fatalf("no test: %v", err)
	}
	return func() error { cancel(); return <-ended }, ended
}

// answered tells of the first bytes that were read.
type answered struct {
	*link.Stream
	answer chan struct{}
}

func (a *answered) Read(p []byte) (int, error) {
	n, err := a.Stream.Read(p)
	select {
	case a.answer <- struct{}{}:
	default:
	}
	return n, err
}

func TestTheLinkOfAnAcceptedSensorIsTestedBothWaysWhateverThePolicy(t *testing.T) {
	w := start(t)
	s := w.joined("branch")
	w.validation(true) // no agent may come in now
	for _, back := range []bool{false, true} {
		r, err := tested(t.Context(), s, capacity.Spec{Duration: time.Second, Rate: 40e6, Back: back})
		if err != nil || r.Bytes == 0 || r.Rate > 44e6 || r.Back != back {
			t.Errorf("back %v: %+v, %v", back, r, err)
		}
	}
}

func TestOneTestOfASensorAndFourInAll(t *testing.T) {
	w := start(t)
	all := make([]*sensortest.Sensor, 5)
	for i := range all {
		all[i] = w.joined(string(rune('a' + i)))
	}
	var ends []func() error
	for _, s := range all[:4] {
		end, _ := underWay(t, s)
		ends = append(ends, end)
	}
	short := capacity.Spec{Duration: time.Second, Rate: 5e6}
	if _, err := tested(t.Context(), all[0], short); !errors.Is(err, capacity.RefusedBusy) {
		t.Errorf("a second test: %v", err)
	}
	if _, err := tested(t.Context(), all[4], short); !errors.Is(err, capacity.RefusedCrowd) {
		t.Errorf("a fifth test: %v", err)
	}
	for _, end := range ends {
		if err := end(); !errors.Is(err, context.Canceled) {
			t.Errorf("a test ended with %v", err)
		}
	}
	for _, s := range all[3:] {
		eventually(t, "the place is free again", func() bool {
			_, err := tested(t.Context(), s, short)
			if err != nil && !errors.Is(err, capacity.RefusedBusy) && !errors.Is(err, capacity.RefusedCrowd) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
}

func TestASensorThatIsNotAcceptedTestsNothing(t *testing.T) {
	w := start(t)
	s := w.sensor("branch")
	w.connect(s)
	s.AwaitState(pending)
	_, err := tested(t.Context(), s, capacity.Spec{})
	var reset *link.ResetError
	if !errors.As(err, &reset) || reset.Code != controlv1.CodeNotAccepted {
		t.Errorf("a Pending Sensor's test: %v", err)
	}
	w.accept(s)
	s.AwaitState(accepted)
	_, over := underWay(t, s)
	w.reject(s)
	s.AwaitState(rejected)
	select {
	case err := <-over:
		if err == nil {
			t.Error("the test of a rejected Sensor came to its end")
		}
	case <-time.After(20 * time.Second):
		t.Error("the test of a rejected Sensor went on")
	}
	eventually(t, "its stream is gone", func() bool { return s.Link().Stats().Streams == 0 })
}

func TestManyTestsAtOnceAreResetWithoutAWord(t *testing.T) {
	w := start(t)
	s := w.joined("branch")
	end, _ := underWay(t, s)
	var streams []*link.Stream
	for range 12 {
		stream, err := s.Link().Open(t.Context(), link.Meta{Measure: true})
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream) // it asks for nothing
	}
	resets := 0
	for _, stream := range streams {
		_ = stream.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, err := stream.Read(make([]byte, 8))
		var reset *link.ResetError
		if !errors.As(err, &reset) {
			t.Fatalf("ended with %v", err)
		}
		if reset.Code == link.CodeBusy {
			resets++
		}
	}
	if resets != len(streams)-4 {
		t.Errorf("%d of %d were reset at once", resets, len(streams))
	}
	if err := end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
