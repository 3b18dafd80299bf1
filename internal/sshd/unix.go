package sshd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"vedette/internal/acts"
)

// maxSocketPath is what fits into struct sockaddr_un beside the final zero.
const maxSocketPath = 107

// LocalAccount is the account of whoever comes through the unix socket.
const LocalAccount = "local"

// ListenUnix makes a server that listens on the unix socket at path. It makes
// the socket's folder (0700) when it is missing, refuses one that others can
// write, and replaces the socket of a daemon that is gone. A lock beside the
// socket (path + ".lock") tells a daemon that lives: then the error is
// ErrInUse. The socket is 0600, and whoever gets through must be root or the
// user of this process.
func ListenUnix(path string, cfg Config) (*Server, error) {
	return listenUnix(path, cfg, peerCredentials)
}

func listenUnix(path string, cfg Config, peer func(net.Conn) (*unix.Ucred, error)) (*Server, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("listen on %s: %w (this one has %d)", path, ErrPathTooLong, len(path))
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a host key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil, fmt.Errorf("make a host key: %w", err)
	}
	if err := safeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	lock, err := lockSocket(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	listener, err := bindSocket(path)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	cfg = cfg.withDefaults()
	return newServer(cfg, &unixDoor{
		socket: listener, lock: lock, key: signer, peer: peer, cfg: cfg,
	}, limit(cfg)), nil
}

// unixDoor is the socket.
type unixDoor struct {
	socket *net.UnixListener
	lock   *os.File
	key    ssh.Signer
	peer   func(net.Conn) (*unix.Ucred, error)
	cfg    Config
}

func (d *unixDoor) listener() net.Listener { return d.socket }
func (d *unixDoor) places() int            { return d.cfg.Connections }
func (d *unixDoor) close() error           { return ignoreFileClosed(d.lock.Close()) }

func (d *unixDoor) arrive(raw net.Conn, _ *connection) (visit, bool) {
	return &unixVisit{door: d, raw: raw}, true
}

// unixVisit is a connection through the socket. Whoever it is signs in nowhere:
// there is nothing that could be withdrawn.
type unixVisit struct {
	door *unixDoor
	raw  net.Conn
}

func (v *unixVisit) settle(_ context.Context, id identity, _ func()) (acts.Actor, error) {
	return id.who, nil
}
func (v *unixVisit) leave() {}

// silence has no bound: the kernel says when the other process has ended, and
// one that was only stopped goes on later.
func (v *unixVisit) silence() time.Duration { return 0 }

// idle has none either: root may use up root's places.
func (v *unixVisit) idle() time.Duration { return 0 }

// safeFolder makes the folder when it is missing and refuses one in which
// somebody else could put another socket in the place of ours.
func safeFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("look at its folder: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%w: %s is %v, make it 0700", ErrUnsafe, folder, info.Mode().Perm())
	}
	return nil
}

// lockSocket takes the lock that a daemon holds as long as it lives.
func lockSocket(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open its lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("lock it: %w", err)
	}
	return lock, nil
}

// bindSocket listens on path, in the place of a socket nobody listens on.
func bindSocket(path string) (*net.UnixListener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, ErrNotSocket
	default:
		// The lock is ours, so this is a dead daemon's, or a stranger's.
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return nil, ErrInUse
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket of a daemon that is gone: %w", err)
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	// Before this line the umask decides who may connect; the peer credentials
	// decide who is served.
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// greet takes the user of the peer process for its identity, as the kernel says.
func (v *unixVisit) greet(context.Context) (*ssh.ServerConfig, error) {
	own := os.Geteuid()
	cred, err := v.door.peer(v.raw)
	if err != nil {
		return nil, fmt.Errorf("read the peer's credentials: %w", err)
	}
	config := &ssh.ServerConfig{
		Config:        algorithms(),
		ServerVersion: "SSH-2.0-" + v.door.cfg.Version,
		MaxAuthTries:  1,
		NoClientAuth:  true,
		NoClientAuthCallback: func(ssh.ConnMetadata) (*ssh.Permissions, error) {
			if !mayUseSocket(cred.Uid, own) {
				return nil, &ssh.BannerError{
					Err:     fmt.Errorf("user %d may not use the socket", cred.Uid),
					Message: fmt.Sprintf("user %d may not use this socket: only root and user %d, who runs the daemon, may\n", cred.Uid, own),
				}
			}
			return permit(identity{who: acts.Actor{
				Account: LocalAccount,
				Role:    acts.LocalAdministrator,
				Face:    acts.FaceCommand,
				From:    "local",
			}}), nil
		},
	}
	config.AddHostKey(v.door.key)
	return config, nil
}

// mayUseSocket is the whole rule of the socket.
func mayUseSocket(peer uint32, own int) bool {
	return peer == 0 || int64(peer) == int64(own)
}

// peerCredentials asks the kernel who connected (SO_PEERCRED).
func peerCredentials(conn net.Conn) (*unix.Ucred, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T has no peer credentials", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return nil, err
	}
	return cred, credErr
}

func ignoreFileClosed(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
