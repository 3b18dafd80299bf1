package sshd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOnlyRootAndTheDaemonsUserMayUseTheSocket(t *testing.T) {
	for _, c := range []struct {
		peer uint32
		own  int
		want bool
	}{
		{0, 0, true}, {0, 1000, true}, {1000, 1000, true},
		{1000, 0, false}, {1001, 1000, false}, {1<<32 - 1, 0, false}, {1<<32 - 1, -1, false},
	} {
		if got := mayUseSocket(c.peer, c.own); got != c.want {
			t.Errorf("peer %d, daemon %d: %v, want %v", c.peer, c.own, got, c.want)
		}
	}
}

func TestAStrangerIsRefusedWithAClearText(t *testing.T) {
	folder, err := os.MkdirTemp("", "sshd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "d.sock")
	stranger := func(net.Conn) (*unix.Ucred, error) { return &unix.Ucred{Uid: 4242}, nil }
	server, err := listenUnix(path, Config{Logger: slog.New(slog.DiscardHandler)}, stranger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	_, err = Dial(t.Context(), path)
	if !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), "user 4242 may not use this socket") {
		t.Errorf("Dial: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
