package home_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"vedette/internal/sshd/home"
)

func TestWritesInAnyOrderAreAssembled(t *testing.T) {
	s := newSession(t, &memory{})
	h := s.upload()
	for _, at := range []int{20, 0, 30, 10, 40} {
		s.want(fxOK, fxpWrite, h, at, bytes.Repeat([]byte{byte('a' + at/10)}, 10))
	}
	s.want(fxOK, fxpWrite, h, 0, []byte("aaaaaaaaaabb")) // again, as it was
	s.want(fxOK, fxpWrite, h, 7, "")
	if _, uploads := s.folder.content(); uploads != 0 {
		t.Error("uploaded before its CLOSE")
	}
	s.want(fxOK, fxpClose, h)
	want := strings.Repeat("a", 10) + strings.Repeat("b", 10) + strings.Repeat("c", 10) + strings.Repeat("d", 10) + strings.Repeat("e", 10)
	if content, uploads := s.folder.content(); string(content) != want || uploads != 1 {
		t.Errorf("%q after %d uploads", content, uploads)
	}
	s.want(fxFailure, fxpClose, h)
	if _, uploads := s.folder.content(); uploads != 1 {
		t.Error("a second CLOSE uploaded again")
	}
}

func TestPipelinedWritesAreAssembled(t *testing.T) {
	s := newSession(t, &memory{})
	h := s.upload()
	go func() {
		for at := len(key) - 100; at >= 0; at -= 100 {
			s.send(packet(fxpWrite, uint32(9), h, at, key[at:at+100]))
		}
	}()
	for range len(key) / 100 {
		if kind, _, rest := s.receive(); kind != fxpStatus || binary.BigEndian.Uint32(rest) != fxOK {
			t.Fatalf("answer %d %q", kind, rest)
		}
	}
	s.want(fxOK, fxpClose, h)
	if content, _ := s.folder.content(); !bytes.Equal(content, key[:len(key)/100*100]) {
		t.Errorf("%d other bytes", len(content))
	}
}

func TestIncompleteUploadsAreRefused(t *testing.T) {
	for name, write := range map[string]func(s *session, h string) uint32{
		"a hole": func(s *session, h string) uint32 {
			s.want(fxOK, fxpWrite, h, 0, "begin")
			s.want(fxOK, fxpWrite, h, 6, "end")
			return fxFailure
		},
		"no beginning": func(s *session, h string) uint32 { s.want(fxOK, fxpWrite, h, 1, "x"); return fxFailure },
		"nothing":      func(*session, string) uint32 { return fxFailure },
		"an empty write far out": func(s *session, h string) uint32 {
			s.want(fxOK, fxpWrite, h, 100, "")
			return fxFailure
		},
		"two contents": func(s *session, h string) uint32 {
			s.want(fxOK, fxpWrite, h, 0, "one")
			s.want(fxFailure, fxpWrite, h, 0, "two")
			s.want(fxFailure, fxpWrite, h, 3, "after")
			return fxFailure
		},
		"too much": func(s *session, h string) uint32 {
			s.want(fxOK, fxpWrite, h, 0, make([]byte, home.MaxUpload))
			s.want(fxFailure, fxpWrite, h, home.MaxUpload, "x")
			s.want(fxFailure, fxpWrite, h, 0, "x")
			return fxFailure
		},
		"far out":     func(s *session, h string) uint32 { s.want(fxFailure, fxpWrite, h, 1<<40, "x"); return fxFailure },
		"below zero":  func(s *session, h string) uint32 { s.want(fxFailure, fxpWrite, h, -1, "x"); return fxFailure },
		"the far end": func(s *session, h string) uint32 { s.want(fxFailure, fxpWrite, h, 1<<63-1, "xx"); return fxFailure },
		"a failing folder": func(s *session, h string) uint32 {
			s.want(fxOK, fxpWrite, h, 0, "x")
			s.folder.breaks(errors.New("full"))
			return fxFailure
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, &memory{uploaded: earlier})
			h := s.upload()
			s.want(write(s, h), fxpClose, h)
			if content, uploads := s.folder.content(); !bytes.Equal(content, earlier) || uploads != 0 {
				t.Errorf("%d bytes after %d uploads", len(content), uploads)
			}
		})
	}
}

func TestNothingIsKeptWithoutAClose(t *testing.T) {
	for name, end := range map[string]func(*session){
		"end of input":    func(s *session) { s.in.Close() },
		"broken input":    func(s *session) { s.in.CloseWithError(errors.New("reset")) },
		"half a CLOSE":    func(s *session) { s.send(packet(fxpClose, uint32(7), "1")[:11]); s.in.Close() },
		"broken output":   func(s *session) { s.out.Close(); s.send(packet(fxpStat, uint32(7), "/")) },
		"malformed":       func(s *session) { s.send(packet(77, uint32(1))) },
		"end of the host": func(s *session) { s.cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, &memory{uploaded: earlier})
			h := s.upload()
			s.want(fxOK, fxpWrite, h, 0, "whole")
			end(s)
			if err := <-s.ended; err == nil {
				t.Error("an open upload is no proper end")
			}
			if content, uploads := s.folder.content(); !bytes.Equal(content, earlier) || uploads != 0 {
				t.Errorf("%q after %d uploads", content, uploads)
			}
		})
	}
}

func TestOpensThatCannotBeMetAreRefused(t *testing.T) {
	s := newSession(t, &memory{uploaded: earlier})
	s.want(fxDenied, fxpOpen, "kata.pem", uint32(fxfWrite|fxfAppend), noAttrs)
	s.want(fxDenied, fxpOpen, "kata.pem", uint32(fxfRead|fxfWrite|fxfAppend|fxfCreat), noAttrs)
	s.want(fxFailure, fxpOpen, "kata.pem", uint32(fxfWrite|fxfCreat|fxfExcl), noAttrs)
	s.want(fxFailure, fxpOpen, "kata.pem", uint32(0), noAttrs)
	s.want(fxDenied, fxpOpen, "kata.pem", uint32(fxfRead), noAttrs)
	s.want(fxDenied, fxpOpen, "ssl/kata.crt", uint32(fxfWrite), noAttrs)
	s.want(fxDenied, fxpOpen, "ssl/kata.crt", uint32(fxfRead|fxfWrite), noAttrs)
	s.want(fxDenied, fxpOpen, "ssl/kata.crt", uint32(fxfRead|fxfCreat|fxfTrunc), noAttrs)
	s.want(fxDenied, fxpOpen, "ssl", uint32(fxfRead), noAttrs)
	s.want(fxDenied, fxpOpen, "/", uint32(fxfRead), noAttrs)
	s.folder.put(nil)
	s.want(fxOK, fxpClose, s.open("ssl/kata.crt", fxfRead))
	s.open("kata.pem", fxfWrite|fxfCreat|fxfExcl)
	s.open("kata.pem", fxfWrite) // as scp of OpenSSH does
}

func TestAnUploadIsNeverReadBack(t *testing.T) {
	s := newSession(t, &memory{uploaded: earlier})
	h := s.open("kata.pem", fxfRead|fxfWrite|fxfCreat)
	s.want(fxOK, fxpWrite, h, 0, "secret")
	s.want(fxDenied, fxpRead, h, 0, uint32(100))
	s.want(fxOK, fxpClose, h)
	if content, _ := s.folder.content(); string(content) != "secret" {
		t.Errorf("%q", content)
	}
	h = s.upload()
	s.want(fxOK, fxpWrite, h, 0, "secret")
	if kind, rest := s.ask(fxpRead, h, 0, uint32(100)); kind == fxpData || bytes.Contains(rest, []byte("secret")) {
		t.Errorf("answer %d %q", kind, rest)
	}
	s.want(fxFailure, fxpReaddir, h+"0")
}

func TestOpenFilesAreBounded(t *testing.T) {
	s := newSession(t, &memory{})
	var handles []string
	for i := range 8 {
		switch i % 3 {
		case 0:
			handles = append(handles, s.upload())
		case 1:
			handles = append(handles, s.open("ssl/kata.crt", fxfRead))
		case 2:
			_, rest := s.ask(fxpOpendir, "/")
			handles = append(handles, string(rest[4:]))
		}
	}
	s.want(fxFailure, fxpOpen, "kata.pem", uint32(fxfWrite), noAttrs)
	s.want(fxFailure, fxpOpen, "ssl/kata.crt", uint32(fxfRead), noAttrs)
	s.want(fxFailure, fxpOpendir, "ssl")
	for _, h := range handles {
		s.ask(fxpClose, h)
		s.ask(fxpClose, h)
	}
	for range 8 {
		s.upload()
	}
	s.want(fxFailure, fxpOpen, "kata.pem", uint32(fxfWrite), noAttrs)
}

func TestADownloadIsOfItsOpening(t *testing.T) {
	s := newSession(t, &memory{})
	h := s.open("ssl/kata.crt", fxfRead)
	s.folder.breaks(errors.New("gone"))
	kind, rest := s.ask(fxpRead, h, 0, uint32(1<<31))
	if kind != fxpData || string(rest[4:]) != certificate {
		t.Errorf("answer %d %q", kind, rest)
	}
	s.want(fxEOF, fxpRead, h, len(certificate), uint32(1))
	s.want(fxEOF, fxpRead, h, 1<<40, uint32(1))
	s.want(fxFailure, fxpRead, h, -1, uint32(1))
	if kind, _ := s.ask(fxpWrite, h, 0, "forged"); kind == fxpHandle {
		t.Error("a certificate takes writes")
	}
	s.want(fxOK, fxpClose, h)
}

func TestKeysAreClearedFromMemory(t *testing.T) {
	s := newSession(t, &memory{})
	h := s.upload()
	s.want(fxOK, fxpWrite, h, 0, "secret")
	s.want(fxOK, fxpClose, h)
	if content, _ := s.folder.content(); string(content) != "secret" {
		t.Fatalf("%q", content)
	}
	if !bytes.Equal(s.folder.given, make([]byte, 6)) {
		t.Errorf("SFTP leaves %q", s.folder.given)
	}
	folder := &memory{}
	exit := scp(folder, "-t .", "C0600 6 kata.pem\nsecret\x00")
	if content, _ := folder.content(); exit.exit != 0 || string(content) != "secret" {
		t.Fatalf("%q %v", content, exit)
	}
	if !bytes.Equal(folder.given, make([]byte, 6)) {
		t.Errorf("scp leaves %q", folder.given)
	}
}

func TestAPanicOfTheFolderStaysInItsRequest(t *testing.T) {
	s := newSession(t, &memory{})
	h := s.upload()
	s.want(fxOK, fxpWrite, h, 0, "x")
	s.folder.panics = true
	s.want(fxFailure, fxpClose, h)
	s.want(fxFailure, fxpStat, "kata.pem")
	s.want(fxFailure, fxpOpendir, "/")
	s.want(fxFailure, fxpOpen, "ssl/kata.crt", uint32(fxfRead), noAttrs)
	s.want(fxFailure, fxpRemove, "kata.pem")
	s.in.Close()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestTheEndOfTheHostEndsASession(t *testing.T) {
	s := newSession(t, &memory{held: make(chan struct{}), entered: make(chan struct{})})
	h := s.upload()
	s.want(fxOK, fxpWrite, h, 0, "x")
	s.send(packet(fxpClose, uint32(1), h))
	<-s.folder.entered
	s.cancel()
	if err := <-s.ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := s.out.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, io.EOF) {
		t.Errorf("the channel is open: %v", err)
	}
}
