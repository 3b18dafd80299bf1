package farewell_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vedette/internal/farewell"
)

// refusing is a server that wants no body, and a caller's connection to it.
func refusing(t *testing.T, l farewell.Limits) (*bufio.Reader, net.Conn) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		farewell.Give(w, r, l, false, func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "no, thank you")
		})
	}))
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(20 * time.Second))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return bufio.NewReader(conn), conn
}

func begin(t *testing.T, conn net.Conn, header string, size int) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: here\r\n%sContent-Length: %d\r\n\r\n", header, size); err != nil {
		t.Fatal(err)
	}
}

// ends reads the answer, and that nothing but the end follows it.
func ends(t *testing.T, from *bufio.Reader) {
	t.Helper()
	r, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusForbidden || !r.Close || string(body) != "no, thank you" {
		t.Errorf("%s %q, close %v, %v", r.Status, body, r.Close, err)
	}
	if n, err := from.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes follow the answer, %v", n, err)
	}
}

func TestCallerWhoSendsFirstReadsTheAnswer(t *testing.T) {
	from, conn := refusing(t, farewell.Limits{Whole: 10 * time.Second, Stall: 5 * time.Second})
	const size = 32 << 20
	begin(t, conn, "", size)
	if _, err := io.Copy(conn, io.LimitReader(endless{}, size)); err != nil {
		t.Fatalf("while sending: %v", err)
	}
	ends(t, from)
}

func TestCallerWhoStopsIsLeftSoon(t *testing.T) {
	from, conn := refusing(t, farewell.Limits{Whole: 10 * time.Second, Stall: 20 * time.Millisecond})
	begin(t, conn, "", 1000)
	ends(t, from)
}

func TestCallerWhoNeverEndsIsLeftInTheEnd(t *testing.T) {
	from, conn := refusing(t, farewell.Limits{Whole: 50 * time.Millisecond, Stall: 10 * time.Second})
	begin(t, conn, "", 1<<40)
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(conn, endless{})
		sent <- err
	}()
	if _, err := http.ReadResponse(from, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err == nil {
		t.Error("a body without end was sent to its end")
	}
}

func TestBodyThatIsKeptBackIsNotAskedFor(t *testing.T) {
	from, conn := refusing(t, farewell.Limits{Whole: 10 * time.Second, Stall: 10 * time.Second})
	begin(t, conn, "Expect: 100-continue\r\n", 1000)
	line, err := from.Peek(len("HTTP/1.1 403"))
	if err != nil || !strings.HasPrefix(string(line), "HTTP/1.1 403") {
		t.Fatalf("%q, %v", line, err)
	}
	ends(t, from) // within the deadline, and not after ten seconds of listening
}

// endless is a body.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
