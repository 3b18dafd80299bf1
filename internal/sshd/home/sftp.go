package home

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pkg/sftp"
)

const (
	maxHandles   = 8  // open files and folders of a session
	maxSentences = 16 // said to a person in a session
)

// ServeSFTP serves the home folder by SFTP version 3
// (draft-ietf-secsh-filexfer-02) until the client ends its input, the
// connection breaks or ctx ends; then it closes rw. It leaves rw open after a
// client's proper end, for the exit status, and returns nil then.
//
// OpenSSH and PuTTY do not show the texts of SFTP's answers. When rw has the
// method Stderr of an ssh.Channel, every sentence is written there too, once.
//
// A session holds less than 2 MiB: 16 requests of 768 KiB in all, their answers
// of 32 KiB, and 8 open files of 72 KiB. The folder may not keep the slice that
// it is given: it is cleared.
func ServeSFTP(ctx context.Context, rw io.ReadWriteCloser, f Folder, log *slog.Logger) error {
	g := newGate(rw)
	defer g.shut()
	stop := context.AfterFunc(ctx, func() {
		if err := g.Close(); err != nil && !errors.Is(err, io.EOF) {
			log.Debug("cannot close an SFTP session", "err", err)
		}
	})
	defer stop()
	h := &handlers{ctx: ctx, folder: f, log: log, gate: g, said: map[string]bool{}}
	if channel, ok := rw.(interface{ Stderr() io.ReadWriter }); ok {
		h.errs = channel.Stderr()
	}
	err := sftp.NewRequestServer(g, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}).Serve()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil || errors.Is(err, io.EOF):
		return nil
	}
	return fmt.Errorf("serve SFTP: %w", errors.Join(err, g.Close()))
}

// handlers answers the library's request server. The library calls it from
// goroutines of its own, where a panic would end the daemon.
type handlers struct {
	ctx    context.Context // the library's calls carry none of ours
	folder Folder
	log    *slog.Logger
	gate   *gate
	errs   io.Writer // for sentences; nil: only in the answers

	mu      sync.Mutex // guards what follows
	handles int
	said    map[string]bool
}

// open takes a handle; the returned function gives it back.
func (h *handlers) open() (release func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.handles >= maxHandles {
		return nil, errHandles
	}
	h.handles++
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.handles--
	}), nil
}

// outcome makes err an answer, in log and answer and on the client's screen.
func (h *handlers) outcome(op string, err error) error {
	if err == nil {
		return nil
	}
	r := toPerson(err)
	if r == errInternal {
		h.log.Error("home folder", "op", op, "err", err)
	} else {
		h.log.Debug("home folder: refused", "op", op, "reason", r.text, "err", err)
	}
	if r != errNotUploaded { // the usual answer to a program that looks first
		h.say(r.text)
	}
	return r
}

func (h *handlers) say(text string) {
	h.mu.Lock()
	again := h.said[text] || len(h.said) >= maxSentences
	h.said[text] = true
	h.mu.Unlock()
	if again || h.errs == nil {
		return
	}
	if _, err := fmt.Fprintf(h.errs, "remote: %s\n", text); err != nil {
		h.log.Debug("cannot write to an SFTP session", "err", err)
	}
}

// finish is deferred by every handler.
func (h *handlers) finish(op string, err *error) {
	if r := recover(); r != nil {
		h.log.Error("panic in the home folder", "op", op, "panic", r, "stack", string(debug.Stack()))
		*err = errInternal
	}
	*err = h.outcome(op, *err)
}

// unheard ends the session of a client that does not look at the answer to its
// CLOSE, so that it ends with an error.
func (h *handlers) unheard() {
	if !h.gate.pscp { // set before the library got a request to open a file
		return
	}
	if err := h.gate.Close(); err != nil {
		h.log.Debug("cannot close an SFTP session", "err", err)
	}
}

// Fileread opens ssl/kata.crt as it is now.
func (h *handlers) Fileread(r *sftp.Request) (_ io.ReaderAt, err error) {
	defer h.finish("open", &err)
	if err := unreadable(r.Filepath); err != nil {
		return nil, err
	}
	pem, _, err := h.folder.Certificate(h.ctx)
	if err != nil {
		return nil, err
	}
	release, err := h.open()
	if err != nil {
		return nil, err
	}
	return &download{bytes.NewReader(pem), release}, nil
}

// Filewrite opens kata.pem for writing from its beginning. The flag that asks
// for that, SSH_FXF_TRUNC, is not needed: scp of OpenSSH leaves it out.
func (h *handlers) Filewrite(r *sftp.Request) (_ io.WriterAt, err error) {
	defer h.finish("open", &err)
	u, err := h.openUpload(r)
	if err != nil {
		return nil, err
	}
	return u, nil
}

// OpenFile opens kata.pem for reading and writing, of which only writing works.
func (h *handlers) OpenFile(r *sftp.Request) (_ sftp.WriterAtReaderAt, err error) {
	defer h.finish("open", &err)
	u, err := h.openUpload(r)
	if err != nil {
		return nil, err
	}
	return u, nil
}

func (h *handlers) openUpload(r *sftp.Request) (*upload, error) {
	if err := unwritable(r.Filepath); err != nil {
		return nil, err
	}
	flags := r.Pflags()
	if flags.Append {
		return nil, errAppend
	}
	if flags.Excl {
		_, _, found, err := h.folder.Uploaded(h.ctx)
		if err != nil {
			return nil, err
		}
		if found {
			return nil, errExists
		}
	}
	release, err := h.open()
	if err != nil {
		return nil, err
	}
	return &upload{home: h, release: release}, nil
}

// Filecmd removes kata.pem, ignores changed modes and times, and refuses the
// rest.
func (h *handlers) Filecmd(r *sftp.Request) (err error) {
	defer h.finish(r.Method, &err)
	at := locate(r.Filepath)
	switch r.Method {
	case "Setstat":
		if at == uploadPath || at == downloadPath {
			return nil
		}
	case "Remove":
		switch at {
		case uploadPath:
			return h.remove()
		case downloadPath:
			return errReadOnly
		case rootPath, sslPath:
			return errIsFolder
		}
	case "Rename":
		return errRename
	case "Link", "Symlink":
		return errLink
	}
	return errElsewhere
}

func (h *handlers) remove() error {
	_, _, found, err := h.folder.Uploaded(h.ctx)
	switch {
	case err != nil:
		return err
	case !found:
		return errNotUploaded
	}
	return h.folder.Remove(h.ctx)
}

// Readlink refuses: there are no links.
func (h *handlers) Readlink(string) (_ string, err error) {
	defer h.finish("readlink", &err)
	return "", errLink
}

// RealPath makes a path absolute. It may name nothing that exists.
func (h *handlers) RealPath(p string) (_ string, err error) {
	defer h.finish("realpath", &err)
	if c := clean(p); c != "" {
		return c, nil
	}
	return "", errElsewhere
}

// Filelist lists a folder, or describes a path.
func (h *handlers) Filelist(r *sftp.Request) (_ sftp.ListerAt, err error) {
	defer h.finish(r.Method, &err)
	at := locate(r.Filepath)
	if r.Method != "List" {
		e, err := h.describe(at)
		if at == nowhere {
			err = unwritable(r.Filepath) // programs ask before they upload
		}
		if err != nil {
			return nil, err
		}
		return &listing{entries: []fs.FileInfo{e}}, nil
	}
	entries, err := h.list(at)
	if err != nil {
		return nil, err
	}
	release, err := h.open()
	if err != nil {
		return nil, err
	}
	return &listing{entries, release}, nil
}

func (h *handlers) describe(at place) (entry, error) {
	switch at {
	case rootPath:
		return entry{"/", 0, homeMode, h.since()}, nil
	case sslPath:
		return entry{"ssl", 0, folderMode, h.since()}, nil
	case uploadPath:
		size, at, found, err := h.folder.Uploaded(h.ctx)
		if err == nil && !found {
			err = errNotUploaded
		}
		return uploadEntry(size, at), err
	case downloadPath:
		pem, since, err := h.folder.Certificate(h.ctx)
		return downloadEntry(len(pem), since), err
	}
	return entry{}, errElsewhere
}

func (h *handlers) list(at place) ([]fs.FileInfo, error) {
	switch at {
	case rootPath:
		ssl, err := h.describe(sslPath)
		if err != nil {
			return nil, err
		}
		switch pem, err := h.describe(uploadPath); {
		case err == nil:
			return []fs.FileInfo{pem, ssl}, nil
		case !errors.Is(err, errNotUploaded):
			return nil, err
		}
		return []fs.FileInfo{ssl}, nil
	case sslPath:
		crt, err := h.describe(downloadPath)
		return []fs.FileInfo{crt}, err
	}
	return nil, errElsewhere
}

// since is the time of the folders: when the certificate in them changed.
func (h *handlers) since() time.Time {
	_, since, err := h.folder.Certificate(h.ctx)
	if err != nil {
		h.log.Debug("home folder: no certificate to take the folders' time from", "err", err)
		return time.Unix(0, 0)
	}
	return since
}
