package home

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Bounds of one SFTP session. The library keeps requests that wait for an
// earlier one and their answers without a bound, so the gate takes no further
// request while this much is unanswered.
const (
	maxPacket   = 256 << 10 // of one request, as in the library
	maxRequests = 16        // unanswered; an answer has 32 KiB at most
	maxUnread   = 512 << 10 // bytes of unanswered requests, before the next is taken
)

// Kinds of requests that the gate tells apart.
const (
	kindRead  = 5
	kindWrite = 6
	kindStat  = 17
)

var errClosed = errors.New("the SFTP session has ended")

// gate stands between a client and the library and counts: requests by their
// frames coming in, answers by theirs going out. Frames are a length of four
// bytes and that many bytes, which begin with a kind and a number of the
// request (draft-ietf-secsh-filexfer-02, section 3).
//
// Reads and writes go to the library as they come. Every other request is alone
// there: a WRITE that guesses the handle of an unanswered OPEN would meet a
// request that the library is still writing to.
type gate struct {
	rw io.ReadWriteCloser

	// Of the one reader.
	header [9]byte // length, kind, number
	ahead  []byte  // of header, to be given out
	body   uint32  // bytes of the present request behind its header, to be read
	alone  bool    // it is neither READ nor WRITE
	count  int     // of requests
	pscp   bool    // see learn

	// Of the writers, which the library serialises.
	length [4]byte
	known  int    // bytes of length that have been seen
	answer uint32 // bytes of the present answer to be written

	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	waiting []uint32 // lengths of unanswered requests, oldest first
	unread  uint64   // their sum
	closed  bool
}

func newGate(rw io.ReadWriteCloser) *gate {
	g := &gate{rw: rw}
	g.changed = sync.NewCond(&g.mu)
	return g
}

// Read gives the library what the client sends, one request at a time.
func (g *gate) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(g.ahead) == 0 && g.body == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if len(g.ahead) > 0 {
		n := copy(p, g.ahead)
		g.ahead = g.ahead[n:]
		return n, nil
	}
	if uint64(len(p)) > uint64(g.body) {
		p = p[:g.body]
	}
	n, err := g.rw.Read(p)
	g.body -= uint32(n)
	if errors.Is(err, io.EOF) && g.body > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next waits until there is room for a request and reads its header. The end of
// input is told when everything has been answered: the library would drop the
// last answers.
func (g *gate) next() error {
	alone := g.alone
	if err := g.await(func() bool {
		return len(g.waiting) == 0 || !alone && len(g.waiting) < maxRequests && g.unread < maxUnread
	}); err != nil {
		return err
	}
	if _, err := io.ReadFull(g.rw, g.header[:4]); err != nil {
		if !errors.Is(err, io.EOF) {
			return err
		}
		if err := g.await(g.idle); err != nil {
			return err
		}
		return io.EOF
	}
	n := binary.BigEndian.Uint32(g.header[:])
	if n < 5 || n > maxPacket {
		return fmt.Errorf("a request of %d bytes", n)
	}
	if _, err := io.ReadFull(g.rw, g.header[4:]); err != nil {
		return noEOF(err)
	}
	kind := g.header[4]
	g.learn(kind)
	g.alone = kind != kindRead && kind != kindWrite
	if g.alone {
		if err := g.await(g.idle); err != nil {
			return err
		}
	}
	g.ahead, g.body = g.header[:], n-5
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, n)
	g.unread += uint64(n)
	return nil
}

// learn finds out whether the client is pscp of PuTTY, which ends with success
// whatever the answer to its CLOSE (seen with 0.78). PuTTY numbers requests
// from 256 on; pscp begins with STAT, and psftp, which does listen, with
// REALPATH.
func (g *gate) learn(kind byte) {
	g.count++
	if g.count == 2 { // the first is INIT
		g.pscp = kind == kindStat && binary.BigEndian.Uint32(g.header[5:]) == 256
	}
}

// idle is for await.
func (g *gate) idle() bool { return len(g.waiting) == 0 }

// await waits, and calls ready with the lock.
func (g *gate) await(ready func() bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.closed && !ready() {
		g.changed.Wait()
	}
	if g.closed {
		return errClosed
	}
	return nil
}

// Write sends answers, and makes room for a request at the end of each.
func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return 0, errClosed
	}
	n, err := g.rw.Write(p)
	if err != nil {
		// The library goes on after a failed write; nobody would hear it.
		return n, errors.Join(err, g.Close())
	}
	g.sent(p[:n])
	return n, nil
}

func (g *gate) sent(p []byte) {
	for len(p) > 0 {
		if g.answer == 0 {
			n := copy(g.length[g.known:], p)
			g.known += n
			p = p[n:]
			if g.known == len(g.length) {
				g.answer, g.known = binary.BigEndian.Uint32(g.length[:]), 0
			}
			continue
		}
		n := min(uint64(len(p)), uint64(g.answer))
		p = p[n:]
		g.answer -= uint32(n)
		if g.answer == 0 {
			g.answered()
		}
	}
}

func (g *gate) answered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) > 0 {
		g.unread -= uint64(g.waiting[0])
		g.waiting = append(g.waiting[:0], g.waiting[1:]...)
	}
	g.changed.Broadcast()
}

// shut ends the session without closing the client's channel, which gets an
// exit status yet.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.changed.Broadcast()
}

// Close ends the session at once.
func (g *gate) Close() error {
	g.shut()
	return g.rw.Close()
}
