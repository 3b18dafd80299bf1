package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fate is what a submitter knows of an object.
type fate struct {
	taken, deleting, deleted bool
}

// submitters submit and delete until they are stopped, whatever becomes of the
// Central Node meanwhile.
type submitters struct {
	t       testing.TB
	callers []*caller
	cancel  context.CancelFunc
	done    sync.WaitGroup

	mu     sync.Mutex // guards what follows
	epoch  int        // of answers: those to calls of an earlier one do not count
	fates  map[[2]string]*fate
	count  int // objects that were taken
	wrongs []string
}

// pause is what a submitter waits after a refusal or a lost connection.
const pause = 20 * time.Millisecond

// badObject says which objects of a submitter are bad: every fifth.
func badObject(n int) bool { return n%5 == 0 }

// loadObject is the nth object of a submitter: small ones, which are kept in the
// state file, and larger ones, which are files.
func loadObject(id string, n int) []byte {
	size := []int{300, 9_000, 40_000, 300, 20_000, 100_000, 700}[n%7]
	object := bytes.Repeat(fmt.Appendf(nil, "%s;", id), size/len(id)+1)[:size]
	if badObject(n) {
		copy(object[size-100:], badMark)
	}
	return object
}

// submitLoad starts some submitters for each system.
func submitLoad(t testing.TB, each int, systems ...*system) *submitters {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &submitters{t: t, cancel: cancel, fates: make(map[[2]string]*fate)}
	for _, s := range systems {
		c := s.caller()
		l.callers = append(l.callers, c)
		for i := range each {
			l.done.Go(func() { l.submit(ctx, c, i) })
		}
	}
	t.Cleanup(l.stop)
	return l
}

// submit is one submitter.
func (l *submitters) submit(ctx context.Context, c *caller, i int) {
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%d-%d", i, n)
		// Half of the submitters repeat a call whose answer they did not get.
		if !l.again(ctx, i%2 == 0, func() (int, string, error) { return c.submit(id, loadObject(id, n)) }, l.fate(c, id), false) {
			continue
		}
		if n%4 == 3 {
			victim := fmt.Sprintf("%d-%d", i, n-3)
			f := l.fate(c, victim)
			l.mu.Lock()
			f.deleting = true
			l.mu.Unlock()
			l.again(ctx, i%2 == 0, func() (int, string, error) {
				return c.call(http.MethodDelete, c.scanner("scans/"+victim), "", nil)
			}, f, true)
		}
	}
}

// again makes a call until it has an answer, or once, and notes what that was.
// Only a full house is always asked again.
func (l *submitters) again(ctx context.Context, repeat bool, call func() (int, string, error), f *fate, deletion bool) (ok bool) {
	for ctx.Err() == nil {
		l.mu.Lock()
		epoch := l.epoch
		l.mu.Unlock()
		status, body, err := call()
		switch {
		case err == nil && status == http.StatusOK && body == "OK":
			l.note(f, deletion, epoch)
			return true
		case err == nil && deletion && status == http.StatusNotFound:
			return false
		case err == nil && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable:
			l.mu.Lock()
			l.wrongs = append(l.wrongs, fmt.Sprintf("%d %s", status, strings.TrimSpace(body)))
			l.mu.Unlock()
			return false
		case err != nil && !repeat:
			return false
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
	return false
}

func (l *submitters) fate(c *caller, id string) *fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{c.id, id}
	f := l.fates[key]
	if f == nil {
		f = new(fate)
		l.fates[key] = f
	}
	return f
}

func (l *submitters) note(f *fate, deletion bool, epoch int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.epoch != epoch:
	case deletion:
		f.deleted = true
	default:
		f.taken = true
		l.count++
	}
}

// deaf makes the answers to calls that are under way count no more: who is cut
// off with the disk tells nobody anything, for the kernel may even call a sync
// done that the cut undid.
func (l *submitters) deaf() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
}

// taken counts the objects that were answered OK.
func (l *submitters) taken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

func (l *submitters) stop() {
	l.cancel()
	l.done.Wait()
}

// holdAgainst stops the load and fails the test for everything that was answered
// OK and is not so: objects without a verdict or with a wrong one, deletions that
// came back, detections without exactly one alert of each engine.
func (l *submitters) holdAgainst(n *node, engines ...string) {
	l.t.Helper()
	l.stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, wrong := range l.wrongs[:min(3, len(l.wrongs))] {
		l.t.Errorf("one of %d unexpected answers: %s", len(l.wrongs), wrong)
	}
	n.clean()
	states := make(map[string]map[string]string)
	for _, c := range l.callers {
		c.http.CloseIdleConnections()
		states[c.id] = c.states()
	}
	alerts := n.alerts()
	var taken, deleted, bad, wrongs int
	wrong := func(format string, args ...any) {
		if wrongs++; wrongs < 10 {
			l.t.Errorf(format, args...)
		}
	}
	for key, f := range l.fates {
		system, id := key[0], key[1]
		var submitter, number int
		if _, err := fmt.Sscanf(id, "%d-%d", &submitter, &number); err != nil {
			l.t.Fatal(err)
		}
		state, there := states[system][id]
		want, wantAlerts := "not detected", 0
		if badObject(number) {
			want, wantAlerts = "detect", len(engines)
		}
		var by []string
		for _, a := range alerts[key] {
			by = append(by, a.Engine)
		}
		slices.Sort(by)
		if f.taken {
			taken++
		}
		switch {
		case f.deleted && there:
			wrong("%s of %s is back after its deletion was answered OK: %s", id, system, state)
		case f.taken && !there && !f.deleting:
			wrong("%s of %s was answered OK and is lost", id, system)
		case there && state != want:
			wrong("%s of %s is %q, want %q", id, system, state, want)
		case there && len(by) != wantAlerts, len(by) > wantAlerts:
			wrong("%s of %s has alerts of %v, want one of each of %d engines", id, system, by, wantAlerts)
		case len(slices.Compact(slices.Clone(by))) != len(by):
			wrong("%s of %s has several alerts of one engine: %v", id, system, by)
		}
		if f.deleted {
			deleted++
		}
		if len(by) > 0 {
			bad++
		}
	}
	l.t.Logf("%d objects answered OK, %d deletions answered OK, %d objects with alerts, %d wrong", taken, deleted, bad, wrongs)
	if taken == 0 || deleted == 0 || bad == 0 {
		l.t.Error("the test shows nothing")
	}
	n.must("audit", "verify")
}
