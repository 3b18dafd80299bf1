package agents

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"vedette/proto/problem"
)

// answer serves one request and returns its problem, if it has one.
func answer(h http.Handler, body io.Reader, length int64) (int, problem.Code) {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = length
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	p, _ := problem.Read(w.Result())
	if p == nil {
		return w.Code, ""
	}
	return w.Code, p.Code
}

func TestBodiesOverTheBoundAreRefusedAndGiveTheirBytesBack(t *testing.T) {
	i := newIntake(10_000, 4)
	echo := i.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	if code, _ := answer(echo, bytes.NewReader(make([]byte, 9_000)), 9_000); code != http.StatusOK {
		t.Fatalf("a body within the bound: %d", code)
	}
	// A body that does not end holds what has arrived of it.
	arriving, rest := io.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); answer(echo, arriving, -1) }()
	if _, err := rest.Write(make([]byte, 8_000)); err != nil {
		t.Fatal(err)
	}
	for i.buffered.Load() < 8_000 { // the pipe lets go before it is counted
		runtime.Gosched()
	}
	if code, why := answer(echo, bytes.NewReader(make([]byte, 9_000)), -1); code != http.StatusServiceUnavailable || why != problem.Busy {
		t.Fatalf("over the bound: %d %s", code, why)
	}
	_ = rest.Close()
	<-done
	if code, _ := answer(echo, bytes.NewReader(make([]byte, 9_000)), -1); code != http.StatusOK {
		t.Fatalf("after the others have ended: %d", code)
	}
	if n := i.buffered.Load(); n != 0 {
		t.Fatalf("%d bytes are still counted", n)
	}
}

func TestIntakeNamesItsRefusals(t *testing.T) {
	i := newIntake(maxBuffered, 4)
	nobody := i.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request was let through") }))
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
		code   int
		why    problem.Code
	}{
		"claims 1 GB": {strings.NewReader("x"), 1 << 30, http.StatusRequestEntityTooLarge, problem.TooLarge},
		"sends 5 MiB": {bytes.NewReader(make([]byte, 5<<20)), -1, http.StatusRequestEntityTooLarge, problem.TooLarge},
		"is cut off":  {io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), 100, http.StatusBadRequest, problem.BadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if code, why := answer(nobody, c.body, c.length); code != c.code || why != c.why {
				t.Fatalf("answer %d %s, want %d %s", code, why, c.code, c.why)
			}
		})
	}
	if n := i.buffered.Load(); n != 0 {
		t.Fatalf("%d bytes are still counted", n)
	}
}

func TestFewAreDecodedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIntake(maxBuffered, 3)
		var inside atomic.Int64
		finish := make(chan struct{})
		h := i.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1); <-finish; inside.Add(-1) }))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if code, why := answer(h, strings.NewReader("x"), 1); code != http.StatusOK {
					t.Errorf("answer %d %s", code, why)
				}
			})
		}
		synctest.Wait()
		if n := inside.Load(); n != 3 {
			t.Errorf("%d are decoded at once, want 3", n)
		}
		close(finish)
		all.Wait()
	})
}

func TestWhoMeetsABusyServerKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIntake(maxBuffered, 1)
		finish := make(chan struct{})
		h := i.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-finish }))
		var first sync.WaitGroup
		first.Go(func() { answer(h, strings.NewReader("x"), 1) })
		synctest.Wait()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x")))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Connection") != "" || w.Header().Get("Retry-After") == "" {
			t.Errorf("answer %d %v", w.Code, w.Header())
		}
		close(finish)
		first.Wait()
	})
}
