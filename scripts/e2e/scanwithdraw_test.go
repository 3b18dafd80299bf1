package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/acts"
)

// wire is one connection of a system, spoken by hand.
type wire struct {
	*tls.Conn
	t    testing.TB
	port int // ours
	in   *bufio.Reader
}

func (s *system) wire() *wire {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.node.address, s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &wire{conn, s.t, conn.LocalAddr().(*net.TCPAddr).Port, bufio.NewReader(conn)}
}

// send writes what has to be taken.
func (w *wire) send(text string) {
	w.t.Helper()
	if err := w.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatalf("write: %v", err)
	}
}

// answer reads one.
func (w *wire) answer() (status int, body string, err error) {
	if err := w.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, "", err
	}
	r, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	return r.StatusCode, string(raw), err
}

// get sends a call without a body.
func (w *wire) get(path string) {
	w.t.Helper()
	w.send("GET " + path + " HTTP/1.1\r\nHost: central-node\r\n\r\n")
}

// upload begins to submit an object and returns what is left to send.
func (w *wire) upload(s *system, scanID string, object []byte) (rest string) {
	w.t.Helper()
	contentType, body := form(scanID, object)
	w.send(fmt.Sprintf("POST /kata/scanner/v1/sensors/%s/scans HTTP/1.1\r\nHost: central-node\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", s.id, contentType, len(body)))
	w.send(string(body[:len(body)/2]))
	return string(body[len(body)/2:])
}

// established counts the connections that the kernel still has open on the side
// of the Central Node, to some ports of ours.
func (n *node) established(wires ...*wire) (open int) {
	n.t.Helper()
	_, text, err := net.SplitHostPort(n.address)
	if err != nil {
		n.t.Fatal(err)
	}
	server, err := strconv.Atoi(text)
	if err != nil {
		n.t.Fatal(err)
	}
	raw, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		n.t.Fatal(err)
	}
	ours := make(map[string]bool) // true until it is found: a table that changes may show one twice
	for _, w := range wires {
		ours[fmt.Sprintf("0100007F:%04X 0100007F:%04X 01", server, w.port)] = true
	}
	for line := range strings.Lines(string(raw)) {
		if key := strings.Join(strings.Fields(line)[1:4], " "); ours[key] {
			ours[key] = false
			open++
		}
	}
	return open
}

// TestWithdrawnSystemIsCutInTheMiddleOfItsUploads rejects and deletes a system
// with slow uploads, kept connections and long polls: when the command returns
// all of them are cut, and nothing of the system is taken any more. Other systems
// feel nothing.
func TestWithdrawnSystemIsCutInTheMiddleOfItsUploads(t *testing.T) {
	for _, act := range []string{"reject", "delete"} {
		t.Run(act, func(t *testing.T) {
			n := newNode(t, marking(t, t.TempDir()))
			gone, stays := acceptedSystem(t, n, "gone"), acceptedSystem(t, n, "stays")
			object := append(bytes.Repeat([]byte("x"), 200_000), mailMark...)

			var cut, kept []*wire
			rests := make(map[*wire]string)
			for i := range 20 {
				w := gone.wire()
				rests[w] = w.upload(gone, fmt.Sprintf("slow-%d", i), object)
				cut = append(cut, w)
			}
			for range 5 {
				w := gone.wire()
				w.get("/kata/scanner/v1/sensors/gone/connection")
				if status, body, err := w.answer(); status != http.StatusOK {
					t.Fatalf("a kept connection: %d %s, %v", status, body, err)
				}
				cut = append(cut, w)
			}
			for range 5 {
				w := gone.wire()
				w.get("/kata/events_api/v1/gone/events?max_timeout=PT5M")
				cut = append(cut, w)
			}
			for i := range 5 {
				w := stays.wire()
				rests[w] = w.upload(stays, fmt.Sprintf("slow-%d", i), object)
				kept = append(kept, w)
			}
			eventually(t, 30*time.Second, "the uploads are under way", func() bool { return n.scanning().Uploading == 25 })
			eventually(t, 30*time.Second, "all connections are open", func() bool { return n.established(cut...) == len(cut) })
			// And others that submit whole objects as fast as they can.
			hasty := gone.caller()
			var mu sync.Mutex // guards what follows
			var returned bool
			taken, late := 0, 0
			var running sync.WaitGroup
			began := make(chan struct{})
			for i := range 4 {
				running.Go(func() {
					for j := 0; ; j++ {
						mu.Lock()
						after := returned
						mu.Unlock()
						status, _, err := hasty.submit(fmt.Sprintf("hasty-%d-%d", i, j), []byte("hasty "+mailMark))
						mu.Lock()
						switch {
						case status != http.StatusOK || err != nil:
						case after:
							late++
						default:
							if taken++; taken == 20 {
								close(began)
							}
						}
						mu.Unlock()
						if after {
							return
						}
					}
				})
			}
			<-began

			done := read[acts.ExternalSystemDecision](n, "external-system", act, "gone", "--yes")
			open := n.established(cut...)
			mu.Lock()
			returned = true
			mu.Unlock()
			if open != 0 {
				t.Errorf("%d connections are open after the command returned", open)
			}
			if done.Cut < len(cut) {
				t.Errorf("%d connections were cut, want at least %d", done.Cut, len(cut))
			}
			running.Wait()
			if late != 0 {
				t.Errorf("%d submissions that began after the command were answered OK", late)
			}
			for i, w := range cut {
				_, _ = io.WriteString(w, rests[w]) // it may fail at once, or later
				if status, body, err := w.answer(); err == nil {
					t.Errorf("connection %d was answered after the cut: %d %s", i, status, body)
				}
			}
			for _, w := range kept {
				w.send(rests[w])
				if status, body, err := w.answer(); status != http.StatusOK || body != "OK" {
					t.Errorf("an upload of the other system: %d %s, %v", status, body, err)
				}
			}
			n.clean()
			alerts := n.alerts()
			before := 0
			for key := range alerts {
				switch {
				case key[0] != "gone":
				case strings.HasPrefix(key[1], "slow"):
					t.Errorf("an alert of an upload that was cut: %v", key)
				default:
					before++
				}
			}
			// What was answered OK is scanned all the same; of others the answer may
			// have been cut off.
			if before < taken || before > taken+4 {
				t.Errorf("%d alerts of the system, %d submissions were answered OK", before, taken)
			}
			if n := len(alerts) - before; n != 5 {
				t.Errorf("%d alerts of the other system, want 5", n)
			}
			code := map[string]string{"reject": `"rejected"`, "delete": `"pending"`}[act]
			if status, body := gone.curl(gone.scanner("scans/state")); status != http.StatusUnauthorized || !strings.Contains(body, code) {
				t.Errorf("the next call: %d %s", status, body)
			}
			// Let in again, it finds what it had been told, and nothing of the cut.
			gone.accept()
			states := gone.caller().states()
			for id := range states {
				if strings.HasPrefix(id, "slow") {
					t.Errorf("%s was taken", id)
				}
			}
			if len(states) != before {
				t.Errorf("%d results, %d alerts", len(states), before)
			}
			t.Logf("%d connections cut in %v, %d objects were taken before", done.Cut, done.Took, taken)
			n.stop()
		})
	}
}
