package home

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"

	"vedette/internal/foreign"
)

// Exit statuses of scp.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// ServeSCP is the far end of scp's own protocol, "scp -t PATH" and
// "scp -f PATH", as OpenSSH's scp -O and PuTTY's pscp -scp speak it. args is
// what followed "scp"; in has to end when ctx does. It returns the exit status:
// 0, 1 when a file was refused or did not arrive, 2 for arguments that are not
// those of scp's far end.
//
// The protocol has no specification; OpenSSH's scp.c is the reference. The
// folder may not keep the slice that it is given: it is cleared.
func ServeSCP(ctx context.Context, args []string, in io.Reader, out, errs io.Writer, f Folder, log *slog.Logger) (exit int) {
	o, err := parseOptions(args)
	if err != nil {
		if _, err := fmt.Fprintf(errs, "scp: %s\n", err); err != nil {
			log.Debug("cannot write to an scp session", "err", err)
		}
		return exitUsage
	}
	s := &scp{in: in, out: out, folder: f, log: log}
	if o.to {
		err = s.receiveAll(ctx, o)
	} else {
		err = s.sendAll(ctx, o)
	}
	if err != nil {
		log.Debug("scp ended early", "err", err)
		return exitFailed
	}
	if s.failed {
		return exitFailed
	}
	return exitDone
}

// options are the arguments of scp's far end.
type options struct {
	to, from  bool // -t, -f
	times     bool // -p
	directory bool // -d: the target has to be a folder
	paths     []string
}

var errOptions = errors.New("this is the far end of scp: use scp -t PATH or scp -f PATH; " + allowed)

func parseOptions(args []string) (options, error) {
	var o options
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		for _, letter := range arg[1:] {
			switch letter {
			case 't':
				o.to = true
			case 'f':
				o.from = true
			case 'p':
				o.times = true
			case 'd':
				o.directory = true
			case 'r', 'v', 'q': // folders are refused when they come; there is nothing to say more or less
			default:
				return options{}, errOptions
			}
		}
	}
	o.paths = args
	if o.to == o.from || len(args) == 0 {
		return options{}, errOptions
	}
	return o, nil
}

// scp is one run of scp's far end.
type scp struct {
	in     io.Reader
	out    io.Writer
	folder Folder
	log    *slog.Logger
	failed bool
}

// First bytes of answers, and of the other side's reports.
const (
	scpOK    = 0
	scpError = 1 // and a line; the other side goes on
	scpFatal = 2 // and a line; the other side ends
)

func (s *scp) ok() error {
	_, err := s.out.Write([]byte{scpOK})
	return err
}

// refuse tells the client why a file is not taken or given.
func (s *scp) refuse(op string, err error) error {
	s.failed = true
	r := toPerson(err)
	if r == errInternal {
		s.log.Error("home folder", "op", op, "err", err)
	} else {
		s.log.Debug("home folder: refused", "op", op, "reason", r.text, "err", err)
	}
	return s.tell(scpError, r.text)
}

func (s *scp) tell(kind byte, text string) error {
	_, err := fmt.Fprintf(s.out, "%cscp: %s\n", kind, foreign.Line(text))
	return err
}

// broken ends a conversation that does not follow the protocol.
func (s *scp) broken(err error) error {
	if errors.Is(err, errRecord) {
		return errors.Join(err, s.tell(scpFatal, err.Error()))
	}
	return err
}

// first reads the first byte of what the client says next.
func (s *scp) first() (byte, error) {
	var one [1]byte
	_, err := io.ReadFull(s.in, one[:])
	return one[0], err
}

// answer reads the client's answer. Its error makes answer return false, and a
// fatal one an error.
func (s *scp) answer() (ok bool, err error) {
	kind, err := s.first()
	if err != nil {
		return false, noEOF(err)
	}
	return s.report(kind)
}

// report reads the rest of an answer of this kind.
func (s *scp) report(kind byte) (ok bool, err error) {
	switch kind {
	case scpOK:
		return true, nil
	case scpError, scpFatal:
		s.failed = true
		line, err := readRecord(s.in)
		if err != nil {
			return false, noEOF(s.broken(err))
		}
		s.log.Debug("the client of scp reports an error", "text", foreign.Line(line))
		if kind == scpFatal {
			return false, errors.New("the client of scp gave up")
		}
		return false, nil
	}
	return false, s.broken(errRecord)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// receiveAll is scp -t. A wrong target is refused with each file: PuTTY's pscp
// shows no text of an answer that comes before.
func (s *scp) receiveAll(ctx context.Context, o options) error {
	if err := s.ok(); err != nil {
		return err
	}
	for {
		kind, err := s.first()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = s.take(ctx, kind, o)
		}
		if err != nil {
			return err
		}
	}
}

// take takes one record of a client that sends.
func (s *scp) take(ctx context.Context, kind byte, o options) error {
	switch kind {
	case scpError, scpFatal:
		_, err := s.report(kind)
		return err
	case 'C', 'D', 'T':
	default: // E too: no folder has been entered
		return s.broken(errRecord)
	}
	record, err := readRecord(s.in)
	if err != nil {
		return noEOF(s.broken(err))
	}
	if kind == 'T' {
		if err := checkTimes(record); err != nil {
			return s.broken(err)
		}
		return s.ok()
	}
	size, name, err := parseFile(record)
	if err != nil {
		return s.broken(err)
	}
	if err := untakable(kind, size, name, o); err != nil {
		return s.refuse("upload", err)
	}
	return s.receive(ctx, int(size))
}

// untakable says why a file that a client announces is not taken.
func untakable(kind byte, size int64, name string, o options) error {
	target := o.paths[0]
	switch at := locate(target); {
	case len(o.paths) > 1:
		return errTargets
	case kind == 'D':
		return errNoFolders
	case at == uploadPath && o.directory:
		return errNoFolder
	case at == rootPath:
		target = name
	}
	if err := unwritable(target); err != nil {
		return err
	}
	switch {
	case size > MaxUpload:
		return errTooLarge
	case size == 0:
		return errEmpty
	}
	return nil
}

// receive takes the content of kata.pem and, when it came whole, keeps it.
func (s *scp) receive(ctx context.Context, size int) error {
	if err := s.ok(); err != nil {
		return err
	}
	pem := make([]byte, size)
	defer clear(pem)
	if _, err := io.ReadFull(s.in, pem); err != nil {
		return noEOF(err)
	}
	whole, err := s.answer()
	switch {
	case err != nil:
		return err
	case !whole:
		return s.refuse("upload", errCut)
	}
	if err := s.folder.Upload(ctx, pem); err != nil {
		return s.refuse("upload", err)
	}
	return s.ok()
}

// sendAll is scp -f.
func (s *scp) sendAll(ctx context.Context, o options) error {
	if ok, err := s.answer(); err != nil || !ok {
		return err
	}
	for _, p := range o.paths {
		err := unreadable(p)
		if err == nil {
			err = s.send(ctx, o)
		} else {
			err = s.refuse("download", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// send sends ssl/kata.crt.
func (s *scp) send(ctx context.Context, o options) error {
	pem, since, err := s.folder.Certificate(ctx)
	if err != nil {
		return s.refuse("download", err)
	}
	if o.times {
		if ok, err := s.ask(fmt.Sprintf("T%d 0 %d 0\n", since.Unix(), since.Unix())); err != nil || !ok {
			return err
		}
	}
	header := fmt.Sprintf("C%04o %d %s\n", downloadMode.Perm(), len(pem), path.Base(Download))
	if ok, err := s.ask(header); err != nil || !ok {
		return err
	}
	_, err = s.ask(string(pem) + "\x00")
	return err
}

// ask sends a part and waits for the client's answer.
func (s *scp) ask(part string) (ok bool, err error) {
	if _, err := io.Copy(s.out, strings.NewReader(part)); err != nil {
		return false, err
	}
	return s.answer()
}
