package home_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// tripwire calls act once when so many bytes of a client have been read, and
// not one byte more.
type tripwire struct {
	net.Conn
	left int
	act  func()
}

func (w *tripwire) Read(p []byte) (int, error) {
	if w.left > 0 && len(p) > w.left {
		p = p[:w.left]
	}
	n, err := w.Conn.Read(p)
	if w.left > 0 {
		if w.left -= n; w.left == 0 {
			w.act()
		}
	}
	return n, err
}

// cuts is how many random moments are tried with each client, each way.
const cuts = 4

// ending makes a tripwire's act: cut closes the connection, kill the program.
var endings = map[string]func(h *host, conn net.Conn, kill context.CancelFunc) func(){
	"cut": func(_ *host, conn net.Conn, _ context.CancelFunc) func() {
		return func() { conn.Close() }
	},
	"kill": func(_ *host, _ net.Conn, kill context.CancelFunc) func() { return kill },
}

func TestAnUploadThatEndsEarlyLeavesTheEarlierFile(t *testing.T) {
	whole := bytes.Clone(key)
	each(t, func(t *testing.T, h *host, c client) {
		local := h.write("kata.pem", whole)
		for way, ending := range endings {
			if c.name == "lftp" && way == "cut" {
				continue // dials again until it is through
			}
			for range cuts {
				// The greeting takes some kilobytes, so most fall into the file.
				offset := 1 + rand.IntN(len(whole)+4096)
				ctx, kill := context.WithCancel(context.Background())
				h.ctx = ctx
				h.under(func(conn net.Conn) net.Conn {
					return &tripwire{conn, offset, ending(h, conn, kill)}
				})
				h.folder.put(earlier)
				_, before := h.folder.content()
				got := c.put(h, local, "")
				kill()
				h.settle()
				content, after := h.folder.content()
				switch {
				case after == before && bytes.Equal(content, earlier):
					if got.exit == 0 {
						t.Errorf("%s at byte %d: exit 0 and nothing was kept\n%s", way, offset, got.output)
					}
				case after == before+1 && bytes.Equal(content, whole):
					if way == "cut" && offset < len(whole) {
						t.Errorf("cut at byte %d: an upload of %d bytes", offset, len(content))
					}
				default:
					t.Errorf("%s at byte %d: %d bytes after %d uploads", way, offset, len(content), after-before)
				}
			}
		}
	})
}

func TestOfTwoUploadsAtOnceTheLastWholeOneWins(t *testing.T) {
	one, other := bytes.Repeat([]byte("1"), 60<<10), bytes.Repeat([]byte("2"), 50<<10)
	h := newHost(t)
	first, second := h.write("one/kata.pem", one), h.write("other/kata.pem", other)
	var wg sync.WaitGroup
	all := clients()
	for i, c := range all {
		if c.do != nil {
			continue // these share a file of commands
		}
		local := []string{first, second}[i%2]
		wg.Go(func() {
			if got := c.put(h, local, ""); got.exit != 0 {
				t.Errorf("%s: exit %d\n%s", c.name, got.exit, got.output)
			}
		})
	}
	wg.Wait()
	content, uploads := h.folder.content()
	if !bytes.Equal(content, one) && !bytes.Equal(content, other) {
		t.Errorf("%d mixed bytes", len(content))
	}
	if uploads != 5 {
		t.Errorf("%d uploads of 5", uploads)
	}
}
