package home

import "sync"

// upload assembles one kata.pem from writes at any offsets in any order, and
// gives it to the folder when it is closed and whole. The parts are written by
// several goroutines of the SFTP server.
type upload struct {
	home    *handlers
	release func()

	mu      sync.Mutex // guards what follows
	content []byte     // up to the highest byte written
	written [MaxUpload / 8]byte
	count   int   // of bytes written
	err     error // why this upload will not be kept
	closed  bool
}

// WriteAt takes a part. It clears p, which no other reader of the library's
// packet buffer needs and which may hold a key.
func (u *upload) WriteAt(p []byte, offset int64) (int, error) {
	defer clear(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.err = u.put(p, offset)
	}
	if u.err != nil {
		clear(u.content)
		return 0, u.home.outcome("write", u.err)
	}
	return len(p), nil
}

// put is called with the lock. A byte may come again only as it was: the
// library runs writes side by side, and which of two came last is not known.
func (u *upload) put(p []byte, offset int64) error {
	switch {
	case u.closed:
		return errCut
	case offset < 0 || offset > MaxUpload || int64(len(p)) > MaxUpload-offset:
		return errTooLarge
	}
	if u.content == nil {
		// All of it at once: a grown buffer would leave copies behind.
		u.content = make([]byte, 0, MaxUpload)
	}
	at := int(offset)
	if end := at + len(p); len(p) > 0 && end > len(u.content) {
		u.content = u.content[:end]
	}
	for i, b := range p {
		i += at
		bit := byte(1) << (i % 8)
		switch {
		case u.written[i/8]&bit == 0:
			u.written[i/8] |= bit
			u.content[i] = b
			u.count++
		case u.content[i] != b:
			return errTwice
		}
	}
	return nil
}

// ReadAt refuses: programs that open for reading and writing may upload, and
// get nothing back.
func (u *upload) ReadAt([]byte, int64) (int, error) {
	return 0, u.home.outcome("read", errWriteOnly)
}

// TransferError says that the session ended with this upload open.
func (u *upload) TransferError(error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.err = errCut
	}
}

// Close gives the whole file to the folder.
func (u *upload) Close() (err error) {
	known := true // the client has heard of the error
	defer func() {
		if err != nil && !known {
			u.home.unheard()
		}
	}()
	defer u.home.finish("upload", &err)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil
	}
	u.closed = true
	defer u.release()
	defer clear(u.content)
	if u.err != nil {
		return u.err
	}
	known = false
	switch {
	case len(u.content) == 0:
		return errEmpty
	case u.count < len(u.content):
		return errHoles
	}
	return u.home.folder.Upload(u.home.ctx, u.content)
}
