package home_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"testing"

	"vedette/internal/sshd/home"
)

// Packets and flags of SFTP version 3 (draft-ietf-secsh-filexfer-02).
const (
	fxpInit     = 1
	fxpVersion  = 2
	fxpOpen     = 3
	fxpClose    = 4
	fxpRead     = 5
	fxpWrite    = 6
	fxpLstat    = 7
	fxpFstat    = 8
	fxpSetstat  = 9
	fxpFsetstat = 10
	fxpOpendir  = 11
	fxpReaddir  = 12
	fxpRemove   = 13
	fxpMkdir    = 14
	fxpRmdir    = 15
	fxpRealpath = 16
	fxpStat     = 17
	fxpRename   = 18
	fxpReadlink = 19
	fxpSymlink  = 20
	fxpStatus   = 101
	fxpHandle   = 102
	fxpData     = 103
	fxpName     = 104
	fxpAttrs    = 105
	fxpExtended = 200

	fxfRead   = 1
	fxfWrite  = 2
	fxfAppend = 4
	fxfCreat  = 8
	fxfTrunc  = 16
	fxfExcl   = 32

	fxOK          = 0
	fxEOF         = 1
	fxNoSuchFile  = 2
	fxDenied      = 3
	fxFailure     = 4
	fxUnsupported = 8
)

// noAttrs are the attributes of a client that gives none.
const noAttrs = uint32(0)

// duplex is a channel without SSH.
type duplex struct {
	*io.PipeReader
	*io.PipeWriter
}

func (d duplex) Close() error { return errors.Join(d.PipeReader.Close(), d.PipeWriter.Close()) }

// session speaks SFTP packet by packet.
type session struct {
	t      testing.TB
	folder *memory
	in     *io.PipeWriter
	out    *io.PipeReader
	cancel context.CancelFunc
	ended  chan error // what ServeSFTP returned
	id     uint32
}

// newSession begins a session without a version's exchange.
func newSession(t testing.TB, folder *memory) *session {
	ctx, cancel := context.WithCancel(context.Background())
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	s := &session{t: t, folder: folder, in: toServer, out: fromServer, cancel: cancel, ended: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ended <- home.ServeSFTP(ctx, duplex{in, out}, folder, slog.New(slog.DiscardHandler))
		in.Close()
		out.Close()
	}()
	t.Cleanup(func() {
		cancel()
		toServer.Close()
		fromServer.Close()
		<-done
	})
	return s
}

// packet makes a packet of its kind and fields.
func packet(kind byte, fields ...any) []byte {
	p := []byte{0, 0, 0, 0, kind}
	for _, f := range fields {
		switch f := f.(type) {
		case uint32:
			p = binary.BigEndian.AppendUint32(p, f)
		case uint64:
			p = binary.BigEndian.AppendUint64(p, f)
		case int:
			p = binary.BigEndian.AppendUint64(p, uint64(f))
		case string:
			p = append(binary.BigEndian.AppendUint32(p, uint32(len(f))), f...)
		case []byte:
			p = append(binary.BigEndian.AppendUint32(p, uint32(len(f))), f...)
		default:
			panic("a field of another type")
		}
	}
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

func (s *session) send(p []byte) {
	s.t.Helper()
	if _, err := s.in.Write(p); err != nil {
		s.t.Fatal(err)
	}
}

// receive reads one answer: its kind, and what follows its id.
func (s *session) receive() (kind byte, id uint32, rest []byte) {
	s.t.Helper()
	var length [4]byte
	if _, err := io.ReadFull(s.out, length[:]); err != nil {
		s.t.Fatal(err)
	}
	p := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(s.out, p); err != nil {
		s.t.Fatal(err)
	}
	return p[0], binary.BigEndian.Uint32(p[1:]), p[5:]
}

// ask sends a request and returns its answer.
func (s *session) ask(kind byte, fields ...any) (byte, []byte) {
	s.t.Helper()
	s.id++
	s.send(packet(kind, append([]any{s.id}, fields...)...))
	answer, id, rest := s.receive()
	if id != s.id {
		s.t.Fatalf("answer %d to request %d", id, s.id)
	}
	return answer, rest
}

// status asks and returns code and text of the status that has to come.
func (s *session) status(kind byte, fields ...any) (uint32, string) {
	s.t.Helper()
	answer, rest := s.ask(kind, fields...)
	if answer != fxpStatus {
		s.t.Fatalf("request %d: answer %d, want a status", kind, answer)
	}
	code := binary.BigEndian.Uint32(rest)
	length := binary.BigEndian.Uint32(rest[4:])
	return code, string(rest[8 : 8+length])
}

// want asks and checks the code of the status.
func (s *session) want(code uint32, kind byte, fields ...any) {
	s.t.Helper()
	if got, text := s.status(kind, fields...); got != code {
		s.t.Fatalf("request %d %v: status %d %q, want %d", kind, fields, got, text, code)
	}
}

// open opens a file and returns its handle.
func (s *session) open(path string, flags uint32) string {
	s.t.Helper()
	answer, rest := s.ask(fxpOpen, path, flags, noAttrs)
	if answer != fxpHandle {
		s.t.Fatalf("open %s: answer %d %q", path, answer, rest)
	}
	return string(rest[4:])
}

// upload opens kata.pem as most clients do.
func (s *session) upload() string {
	s.t.Helper()
	return s.open("kata.pem", fxfWrite|fxfCreat|fxfTrunc)
}
