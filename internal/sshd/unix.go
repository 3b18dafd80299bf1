package sshd

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

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
	return newServer(cfg, door{
		listener: listener,
		greet:    unixGreeting(signer, cfg.Version, peer),
		close:    func() error { return ignoreFileClosed(lock.Close()) },
	}), nil
}

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

// unixGreeting makes the handshake of the socket: identity is the user of the
// peer process, as the kernel says.
func unixGreeting(key ssh.Signer, version string, peer func(net.Conn) (*unix.Ucred, error)) func(net.Conn) (*ssh.ServerConfig, error) {
	own := os.Geteuid()
	return func(conn net.Conn) (*ssh.ServerConfig, error) {
		cred, err := peer(conn)
		if err != nil {
			return nil, fmt.Errorf("read the peer's credentials: %w", err)
		}
		config := &ssh.ServerConfig{
			Config:        algorithms(),
			ServerVersion: "SSH-2.0-" + version,
			MaxAuthTries:  1,
			NoClientAuth:  true,
			NoClientAuthCallback: func(ssh.ConnMetadata) (*ssh.Permissions, error) {
				if !mayUseSocket(cred.Uid, own) {
					return nil, &ssh.BannerError{
						Err:     fmt.Errorf("user %d may not use the socket", cred.Uid),
						Message: fmt.Sprintf("user %d may not use this socket: only root and user %d, who runs the daemon, may\n", cred.Uid, own),
					}
				}
				return permit(acts.Actor{
					Account: LocalAccount,
					Role:    acts.LocalAdministrator,
					Face:    acts.FaceCommand,
					From:    "local",
				}), nil
			},
		}
		config.AddHostKey(key)
		return config, nil
	}
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
