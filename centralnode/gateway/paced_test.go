package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// deadlined is an answer whose connection only notes its deadlines.
type deadlined struct {
	*httptest.ResponseRecorder
	read time.Time
}

func (d *deadlined) SetReadDeadline(t time.Time) error {
	d.read = t
	return nil
}

func TestWhoWasFastMayNotStallForLongAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		answer := &deadlined{ResponseRecorder: httptest.NewRecorder()}
		body := newPaced(http.NewResponseController(answer), io.NopCloser(bytes.NewReader(make([]byte, 90<<20))))
		read := func(n int) {
			t.Helper()
			if _, err := io.ReadFull(body, make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		due := func(want time.Duration, what string) {
			t.Helper()
			if got := answer.read.Sub(started); got != want {
				t.Errorf("%s: the next bytes are due after %v, want %v", what, got, want)
			}
		}
		read(10 << 10)
		due(5*time.Second, "at first")
		read(1)
		due(15*time.Second, "after 10 KiB")
		<-time.After(14 * time.Second)
		read(80 << 20)
		read(1)
		due(44*time.Second, "after 80 MiB")
		<-time.After(20 * time.Second)
		read(1)
		due(64*time.Second, "later")
		if _, err := io.Copy(io.Discard, body); err != nil || !answer.read.IsZero() {
			t.Errorf("the end leaves the deadline %v behind, %v", answer.read, err)
		}
	})
}
