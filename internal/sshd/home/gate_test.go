package home_test

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestAnswersComeInOrderAndAllOfThemBeforeTheEnd(t *testing.T) {
	for range 50 {
		s := newSession(t, &memory{})
		const requests = 200
		go func() {
			for id := range uint32(requests) {
				if _, err := s.in.Write(packet(fxpRead, id, "9", 0, uint32(9))); err != nil {
					t.Error(err)
				}
			}
			s.in.Close()
		}()
		for want := range uint32(requests) {
			if kind, id, _ := s.receive(); kind != fxpStatus || id != want {
				t.Fatalf("answer %d to %d, want %d", kind, id, want)
			}
		}
		if err := <-s.ended; err != nil {
			t.Fatal(err)
		}
	}
}

// taken counts the packets that a session takes of a client that does not read
// its answers, or gets none, while it sends for a moment.
func (s *session) taken(p []byte) int {
	s.t.Helper()
	var n atomic.Int64
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range 1000 {
			if _, err := s.in.Write(p); err != nil {
				return
			}
			n.Add(1)
		}
	}()
	select {
	case <-sent:
		s.t.Error("everything was taken")
	case <-time.After(200 * time.Millisecond):
	}
	s.in.Close()
	<-sent
	return int(n.Load())
}

func TestUnansweredRequestsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		p    []byte
		most int // one more may be answered halfway
	}{
		{"large ones", packet(fxpWrite, uint32(1), "1", 0, make([]byte, 255<<10)), 3 + 1},
		{"small ones", packet(fxpRead, uint32(1), "1", 0, uint32(1<<31)), 16 + 1},
		{"others", packet(fxpStat, uint32(1), "/"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSession(t, &memory{})
			s.open("ssl/kata.crt", fxfRead)
			if n := s.taken(c.p); n > c.most {
				t.Errorf("%d requests were taken, at most %d", n, c.most)
			}
			s.cancel()
		})
	}
}

func TestASlowFolderHoldsTheClientBack(t *testing.T) {
	s := newSession(t, &memory{held: make(chan struct{}), entered: make(chan struct{})})
	pem := s.upload()
	s.want(fxOK, fxpWrite, pem, 0, "x")
	s.send(packet(fxpClose, uint32(0), pem))
	<-s.folder.entered
	if n := s.taken(packet(fxpRead, uint32(1), "9", 0, uint32(9))); n > 0 {
		t.Errorf("%d requests were taken", n)
	}
	s.cancel()
}

func TestAGuessedHandleMeetsNoHalfOpenFile(t *testing.T) {
	s := newSession(t, &memory{})
	for i := range 200 {
		h := strconv.Itoa(i + 1)
		go func() {
			s.send(slices.Concat(
				packet(fxpWrite, uint32(0), h, 0, "too early"),
				packet(fxpOpen, uint32(1), "kata.pem", uint32(fxfWrite|fxfCreat), noAttrs),
				packet(fxpWrite, uint32(2), h, 0, "guessed"),
				packet(fxpClose, uint32(3), h),
			))
		}()
		for want := range uint32(4) {
			kind, id, rest := s.receive()
			if id != want || id == 0 && (kind != fxpStatus || rest[3] != fxFailure) {
				t.Fatalf("answer %d to %d: %q", kind, id, rest)
			}
		}
	}
	if content, uploads := s.folder.content(); string(content) != "guessed" || uploads != 200 {
		t.Errorf("%q after %d uploads", content, uploads)
	}
}

func TestMalformedPacketsEndTheSession(t *testing.T) {
	long := binary.BigEndian.AppendUint32(nil, 256<<10+1)
	for name, p := range map[string][]byte{
		"no kind":              {0, 0, 0, 0},
		"longer than 256 KiB":  long,
		"the longest":          {255, 255, 255, 255},
		"another kind":         packet(77, uint32(1)),
		"an answer":            packet(fxpStatus, uint32(1), uint32(0), "", ""),
		"no id":                packet(fxpStat),
		"half an id":           {0, 0, 0, 3, fxpStat, 0, 0},
		"no path":              packet(fxpStat, uint32(1)),
		"a path without end":   packet(fxpStat, uint32(1), uint32(9)),
		"the longest path":     packet(fxpStat, uint32(1), uint32(1<<32-1)),
		"no flags":             packet(fxpOpen, uint32(1), "kata.pem"),
		"no offset":            packet(fxpRead, uint32(1), "1"),
		"data without end":     packet(fxpWrite, uint32(1), "1", 0, uint32(1<<32-1)),
		"half a rename":        packet(fxpRename, uint32(1), "kata.pem"),
		"half an extension":    packet(fxpExtended, uint32(1), "posix-rename@openssh.com", "kata.pem"),
		"an extension no name": packet(fxpExtended, uint32(1)),
		"no version":           packet(fxpInit),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, &memory{})
			// The reader may close before it has taken all.
			if _, err := s.in.Write(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Fatal(err)
			}
			if err := <-s.ended; err == nil {
				t.Error("a proper end")
			}
			if _, err := s.in.Write(packet(fxpStat, uint32(1), "/")); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("the channel is open: %v", err)
			}
		})
	}
}

func TestAVersionMayBeAskedForAgain(t *testing.T) {
	s := newSession(t, &memory{})
	for range 3 {
		s.send(packet(fxpInit, uint32(6)))
		if kind, version, _ := s.receive(); kind != fxpVersion || version != 3 {
			t.Errorf("answer %d, version %d", kind, version)
		}
	}
}

func TestRequestsThatChangeNothingHaveTheirStatus(t *testing.T) {
	s := newSession(t, &memory{uploaded: earlier})
	crt := s.open("ssl/kata.crt", fxfRead)
	upload := s.upload()
	for _, r := range []struct {
		code   uint32
		kind   byte
		fields []any
	}{
		{fxOK, fxpSetstat, []any{"kata.pem", uint32(4), uint32(0o777)}},
		{fxOK, fxpSetstat, []any{"/ssl/kata.crt", uint32(8), uint32(1), uint32(1)}},
		{fxOK, fxpSetstat, []any{"kata.pem", uint32(1), 0}}, // a length
		{fxOK, fxpFsetstat, []any{upload, uint32(1), 5}},
		{fxOK, fxpFsetstat, []any{crt, uint32(4), uint32(0)}},
		{fxDenied, fxpSetstat, []any{"/", noAttrs}},
		{fxDenied, fxpSetstat, []any{"ssl", noAttrs}},
		{fxDenied, fxpSetstat, []any{"/etc/passwd", noAttrs}},
		{fxFailure, fxpFsetstat, []any{"99", noAttrs}},
		{fxDenied, fxpRename, []any{"kata.pem", "other"}},
		{fxDenied, fxpRename, []any{"kata.pem.tmp", "kata.pem"}},
		{fxDenied, fxpExtended, []any{"posix-rename@openssh.com", "kata.pem", "other"}},
		{fxDenied, fxpExtended, []any{"hardlink@openssh.com", "/etc/passwd", "kata.pem"}},
		{fxUnsupported, fxpExtended, []any{"statvfs@openssh.com", "/"}},
		{fxUnsupported, fxpExtended, []any{"copy-data", "1"}},
		{fxUnsupported, fxpExtended, []any{"expand-path@openssh.com", "~root"}},
		{fxDenied, fxpSymlink, []any{"/etc/passwd", "kata.pem"}},
		{fxDenied, fxpReadlink, []any{"kata.pem"}},
		{fxDenied, fxpReadlink, []any{"/proc/self/exe"}},
		{fxDenied, fxpMkdir, []any{"x", noAttrs}},
		{fxDenied, fxpRmdir, []any{"ssl"}},
		{fxDenied, fxpRemove, []any{"ssl/kata.crt"}},
		{fxDenied, fxpRemove, []any{"ssl"}},
		{fxDenied, fxpRemove, []any{"/etc/passwd"}},
		{fxDenied, fxpStat, []any{"/etc/passwd"}},
		{fxDenied, fxpLstat, []any{"kata.key"}},
		{fxDenied, fxpOpendir, []any{"/etc"}},
		{fxDenied, fxpOpendir, []any{"kata.pem"}},
		{fxDenied, fxpRealpath, []any{string(make([]byte, 5000))}},
		{fxOK, fxpRemove, []any{"kata.pem"}},
		{fxNoSuchFile, fxpRemove, []any{"kata.pem"}},
		{fxNoSuchFile, fxpStat, []any{"kata.pem"}},
	} {
		s.want(r.code, r.kind, r.fields...)
	}
	if _, uploads := s.folder.content(); uploads != 0 {
		t.Error("something was uploaded")
	}
}

func TestRealPathsBeginAtTheHomeFolder(t *testing.T) {
	s := newSession(t, &memory{})
	for path, want := range map[string]string{
		"": "/", ".": "/", "~": "/", "~/": "/", "/": "/", "..": "/", "../../..": "/", "ssl/..": "/", "/~": "/",
		"ssl": "/ssl", "./ssl/": "/ssl", "/ssl/../ssl//kata.crt": "/ssl/kata.crt", "~/kata.pem": "/kata.pem", "a/b": "/a/b", "~root": "/~root",
	} {
		kind, rest := s.ask(fxpRealpath, path)
		if kind != fxpName {
			t.Fatalf("%q: answer %d", path, kind)
		}
		if got := string(rest[8 : 8+binary.BigEndian.Uint32(rest[4:])]); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
}
