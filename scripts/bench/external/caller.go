package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"vedette/pki"
	"vedette/scripts/bench/load"
)

const (
	dialTimeout = 20 * time.Second
	// callTimeout bounds what one connection does in all.
	callTimeout = 3 * time.Minute

	boundary = "----------------------------b"
	// chunk is what a large body is written in.
	chunk = 64 << 10
)

// noise is the content of all objects.
var noise = load.Noise(chunk)

// door is where callers connect, and what they meet there.
type door struct {
	address string
	pin     pki.Fingerprint
	// dav says that objects are stored with PUT instead of by the documented call.
	dav bool
}

// caller is one kept connection of an external system: HTTP/1.1 written by hand,
// because a client library would cost the machine as much as what is measured.
type caller struct {
	*tls.Conn
	r    *bufio.Reader
	id   string // of the system
	dav  bool
	head []byte
}

// call connects as a system, from an address of this machine.
func (d door) call(ctx context.Context, s *system, from string) (*caller, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	raw, err := dialer.DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, load.Client(d.pin, s.pair))
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	if err := conn.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &caller{Conn: conn, r: bufio.NewReaderSize(conn, 4096), id: s.id, dav: d.dav}, nil
}

// ordinary is where ordinary callers come from, hostile where the others do.
const (
	ordinary = "127.0.0.1"
	foreign  = "127.0.0.9"
)

// drop ends the connection without a farewell.
func (c *caller) drop() {
	if tcp, ok := c.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it only makes the end a reset
	}
	_ = c.NetConn().Close() // it is being thrown away
}

// object is something to submit.
type object struct {
	scanID, instance string
	size             int64
}

// begins is what an object begins with, so that no two are the same.
func (o object) begins() string { return fmt.Sprintf("%-64s", o.instance+"/"+o.scanID) }

// refused is an answer other than the one that was hoped for.
type refused struct {
	status     int
	retryAfter time.Duration
	text       string
}

func (r *refused) Error() string { return fmt.Sprintf("answer %d: %.200s", r.status, r.text) }

// submit submits an object and returns when it was taken.
func (c *caller) submit(o object) error {
	if err := c.beginObject(o, o.size); err != nil {
		return err
	}
	if err := c.content(o.size - int64(len(o.begins()))); err != nil {
		return c.early(err)
	}
	want, end := http.StatusCreated, ""
	if !c.dav {
		want, end = http.StatusOK, "\r\n--"+boundary+"--\r\n"
	}
	if last := append(c.head, end...); len(last) > 0 {
		if _, err := c.Write(last); err != nil {
			return c.early(err)
		}
	}
	c.head = c.head[:0]
	status, _, err := c.answer()
	if err == nil && status != want {
		err = &refused{status: status}
	}
	return err
}

// early is an answer that came before the end of the body: it says more than a
// broken pipe.
func (c *caller) early(err error) error {
	if _, _, said := c.answer(); said != nil {
		return errors.Join(err, said)
	}
	return err
}

// beginObject sends all that stands before an object's content, and how that
// begins. announced is how long the content is said to be.
func (c *caller) beginObject(o object, announced int64) error {
	if c.dav {
		c.head = fmt.Appendf(c.head[:0], "PUT /%s/%s HTTP/1.1\r\nHost: store\r\nContent-Length: %d\r\n\r\n%s", c.id, o.scanID, announced, o.begins())
		return nil
	}
	form := fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=\"scanId\"\r\n\r\n%s\r\n"+
		"--%s\r\nContent-Disposition: form-data; name=\"objectType\"\r\n\r\nfile\r\n"+
		"--%s\r\nContent-Disposition: form-data; name=\"content\"; filename=\"object.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n",
		boundary, o.scanID, boundary, boundary)
	instance := ""
	if o.instance != "" {
		instance = "?sensorInstanceId=" + o.instance
	}
	length := int64(len(form)) + announced + int64(len("\r\n--"+boundary+"--\r\n"))
	c.head = fmt.Appendf(c.head[:0], "POST /kata/scanner/v1/sensors/%s/scans%s HTTP/1.1\r\nHost: central-node\r\n"+
		"Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n%s%s", c.id, instance, boundary, length, form, o.begins())
	return nil
}

// content sends n more bytes of content. What is small waits in c.head for what
// comes after it, and goes in one write, as clients do.
func (c *caller) content(n int64) error {
	for n > 0 {
		part := noise[:min(n, chunk)]
		n -= int64(len(part))
		if len(c.head) > 0 {
			c.head = append(c.head, part...)
			if len(c.head) < chunk {
				continue
			}
			part = c.head
		}
		_, err := c.Write(part)
		c.head = c.head[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

// ask makes a call without a body.
func (c *caller) ask(method, path string) (status int, body []byte, err error) {
	c.head = fmt.Appendf(c.head[:0], "%s /kata/scanner/v1/sensors/%s/%s HTTP/1.1\r\nHost: central-node\r\n\r\n", method, c.id, path)
	_, err = c.Write(c.head)
	c.head = c.head[:0]
	if err != nil {
		return 0, nil, err
	}
	return c.answer()
}

// answer reads an answer; an error is a *refused when the answer is one.
func (c *caller) answer() (status int, body []byte, err error) {
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return 0, nil, err
	}
	if r.StatusCode >= http.StatusBadRequest {
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After")) // without it: 0
		return r.StatusCode, body, &refused{r.StatusCode, time.Duration(seconds) * time.Second, string(body)}
	}
	return r.StatusCode, body, nil
}

// waiting reports whether something of an instance, or of any, has no verdict.
func (c *caller) waiting(instance string) (bool, error) {
	path := "scans/state?state=processing"
	if instance != "" {
		path += "&sensorInstanceId=" + instance
	}
	status, _, err := c.ask(http.MethodGet, path)
	return status != http.StatusNoContent, err
}

// verdicts counts what the system submitted, by state.
func (c *caller) verdicts() (map[string]int, error) {
	status, body, err := c.ask(http.MethodGet, "scans/state")
	if err != nil || status == http.StatusNoContent {
		return nil, err
	}
	var list struct {
		Scans []struct{ State string }
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	states := make(map[string]int)
	for _, s := range list.Scans {
		states[s.State]++
	}
	return states, nil
}

// forget deletes all that the system has there.
func (c *caller) forget() error {
	status, _, err := c.ask(http.MethodDelete, "scans")
	if status == http.StatusNotFound {
		return nil // there was nothing
	}
	return err
}
