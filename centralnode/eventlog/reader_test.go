package eventlog

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// TestReadersWhoseCallersLeaveAreForgotten has callers leave while their readers
// are made, all at once, so that the store has much to do.
func TestReadersWhoseCallersLeaveAreForgotten(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, newPackage(1, 1, 1), Stored)
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var callers sync.WaitGroup
	for range 200 {
		callers.Go(func() {
			c, err := s.reader(ctx, 1, subjectAll, false)
			if err == nil {
				s.forgetReader(c.CachedInfo().Name)
			} else if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			cancel() // the others are on their way
		})
	}
	callers.Wait()
	if st, err := s.info(t.Context()); err != nil || st.Consumers != 0 {
		t.Errorf("%d readers are left, %v", st.Consumers, err)
	}
}

// TestAWatchThatIsLeftLeavesNothing goes the whole way.
func TestAWatchThatIsLeftLeavesNothing(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	appendOK(t, l, newPackage(1, 1, 1), Stored)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var watchers sync.WaitGroup
	for range 100 {
		watchers.Go(func() {
			err := l.Watch(ctx, Filter{Since: l.cfg.Now().AddDate(-1, 0, 0)}, func(Record) bool { cancel(); return true })
			if err != nil {
				t.Error(err)
			}
		})
	}
	watchers.Wait()
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	if st, err := s.info(t.Context()); err != nil || st.Consumers != 0 {
		t.Errorf("%d readers are left, %v", st.Consumers, err)
	}
}
