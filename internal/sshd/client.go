package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

const (
	clientHandshake = 10 * time.Second
	// clientGrace is how long an interrupted command may take to end by itself.
	clientGrace = 3 * time.Second
)

// Client is the local end of a daemon's unix socket.
type Client struct {
	conn *ssh.Client
	lost chan struct{} // closed when the connection has ended
}

// Dial connects to the daemon whose socket is at path. The error wraps
// ErrNoDaemon when nobody answers, ErrNotAllowed when this user is kept out,
// ErrImpostor when the socket is not the daemon's, and ErrPathTooLong.
func Dial(ctx context.Context, path string) (*Client, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("connect to %s: %w (this one has %d)", path, ErrPathTooLong, len(path))
	}
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("connect to %s: %w: %w", path, ErrNotAllowed, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("connect to %s: %w: %w", path, ErrNoDaemon, err)
	case err != nil:
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	if err := knownPeer(raw, path); err != nil {
		raw.Close()
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	conn, err := handshake(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	c := &Client{conn: conn, lost: make(chan struct{})}
	go func() {
		defer close(c.lost)
		_ = conn.Wait() // Run says what it means
	}()
	return c, nil
}

// knownPeer checks that the daemon's user may own this socket: root, this
// user, or the owner of the folder, into which nobody else can write.
func knownPeer(conn net.Conn, path string) error {
	cred, err := peerCredentials(conn)
	if err != nil {
		return fmt.Errorf("read the daemon's credentials: %w", err)
	}
	var folder unix.Stat_t
	if err := unix.Stat(filepath.Dir(path), &folder); err != nil {
		return fmt.Errorf("look at the socket's folder: %w", err)
	}
	if cred.Uid != 0 && int64(cred.Uid) != int64(os.Geteuid()) && cred.Uid != folder.Uid {
		return fmt.Errorf("%w (user %d)", ErrImpostor, cred.Uid)
	}
	return nil
}

// handshake signs in. The kernel has said who the peer is, so the host key,
// which the daemon makes anew at each start, has nothing to add.
func handshake(ctx context.Context, raw net.Conn) (*ssh.Client, error) {
	if err := raw.SetDeadline(time.Now().Add(clientHandshake)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	var refusal strings.Builder
	conn, channels, requests, err := ssh.NewClientConn(raw, "unix", &ssh.ClientConfig{
		Config:          algorithms(),
		User:            LocalAccount,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		BannerCallback: func(message string) error {
			refusal.WriteString(message)
			return nil
		},
	})
	if err != nil {
		raw.Close()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case refusal.Len() > 0: // the daemon says why nobody is let in
			return nil, fmt.Errorf("%w: %s", ErrNotAllowed, strings.TrimSpace(refusal.String()))
		}
		return nil, fmt.Errorf("%w: %w", ErrNoDaemon, err)
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// Close ends the connection and whatever still runs on it.
func (c *Client) Close() error {
	err := c.conn.Close()
	<-c.lost
	return err
}

// Run runs one command with the given streams (nil: nothing to read, nowhere to
// write) and returns its exit status. When ctx ends, the command is asked to
// end, and is left after a moment; the error is then ctx's. An error of s.Out
// or s.Err ends the command and is returned. ErrLost says that the daemon went
// away. Run does not wait for a Read of s.In that never returns.
func (c *Client) Run(ctx context.Context, args []string, s Streams) (exit int, err error) {
	return c.run(ctx, args, s, func(*ssh.Session) error { return nil }, func(context.Context, *ssh.Session) {})
}

// run runs a command on a session that prepare has made ready; accompany runs
// beside it until its context ends.
func (c *Client) run(ctx context.Context, args []string, s Streams, prepare func(*ssh.Session) error, accompany func(context.Context, *ssh.Session)) (exit int, err error) {
	line := Quote(args)
	if _, err := Split(line); err != nil { // too long, or a zero byte
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	session, err := c.open(ctx)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	out, errs := &sink{w: s.Out, session: session}, &sink{w: s.Err, session: session}
	session.Stdout, session.Stderr = out, errs
	stdin, err := session.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := prepare(session); err != nil {
		return 0, err
	}
	if err := session.Start(line); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrLost, err)
	}
	go feed(stdin, s.In, session)

	stop := make(chan struct{})
	besideCtx, endBeside := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { interrupt(ctx, session, stop) })
	beside.Go(func() { accompany(besideCtx, session) })
	waitErr := session.Wait()
	close(stop)
	endBeside()
	beside.Wait()

	var status *ssh.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case out.failure() != nil:
		return 0, fmt.Errorf("write the output: %w", out.failure())
	case errs.failure() != nil:
		return 0, fmt.Errorf("write the messages: %w", errs.failure())
	case waitErr == nil:
		return 0, nil
	case errors.As(waitErr, &status):
		return status.ExitStatus(), nil
	}
	return 0, fmt.Errorf("%w: %w", ErrLost, waitErr)
}

// open opens a session. The library may wait for ever on a connection that ends
// at this moment.
func (c *Client) open(ctx context.Context) (*ssh.Session, error) {
	type opened struct {
		session *ssh.Session
		err     error
	}
	result := make(chan opened, 1)
	go func() {
		session, err := c.conn.NewSession()
		result <- opened{session, err}
	}()
	select {
	case r := <-result:
		if r.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLost, r.err)
		}
		return r.session, nil
	case <-c.lost:
		return nil, ErrLost
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// feed sends the standard input and its end. An input that breaks closes the
// session instead, so that the part is not taken for the whole.
func feed(w io.WriteCloser, r io.Reader, session *ssh.Session) {
	if r != nil {
		if _, err := io.Copy(struct{ io.Writer }{w}, r); err != nil {
			session.Close() // the command has ended already, or must
			return
		}
	}
	w.Close() // fails only when the session has ended
}

// interrupt asks the command to end when ctx does, and closes the session when
// that does not help.
func interrupt(ctx context.Context, session *ssh.Session, stop <-chan struct{}) {
	select {
	case <-stop:
		return
	case <-ctx.Done():
	}
	grace := time.NewTimer(clientGrace)
	defer grace.Stop()
	if session.Signal(ssh.SIGINT) == nil {
		select {
		case <-stop:
			return
		case <-grace.C:
		}
	}
	session.Close()
}

// sink writes a command's output and ends the command when it cannot.
type sink struct {
	w       io.Writer
	session *ssh.Session

	mu  sync.Mutex // guards err
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.w == nil {
		return len(p), nil
	}
	n, err := s.w.Write(p)
	if err != nil {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		s.session.Close()
	}
	return n, err
}

func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
