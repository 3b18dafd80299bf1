package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/sshd"
	"vedette/pki/pkitest"
)

// How the child of the heap test learns its task.
const (
	heapDir  = "CENTRALNODE_TEST_HEAP_DIR"  // folder for state, socket and dump
	heapKeep = "CENTRALNODE_TEST_HEAP_KEEP" // a file that the child reads and keeps: the control
)

// TestKeyOfAnUploadLeavesTheDaemonsHeap uploads a certificate with its key over
// the socket to a daemon in a process of its own. After the connection has
// ended and two collections the daemon dumps its heap, and the key must not be
// in it, or leave it soon.
func TestKeyOfAnUploadLeavesTheDaemonsHeap(t *testing.T) {
	if dir := os.Getenv(heapDir); dir != "" {
		serveAndDump(t, dir)
		return
	}
	pair := pkitest.Agent(t, "secret")
	scalar, err := pair.TLS().PrivateKey.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	reversed := slices.Clone(scalar)
	slices.Reverse(reversed)
	text := string(pair.EncodePEM())
	_, key, _ := strings.Cut(text, "PRIVATE KEY-----\n")
	needles := map[string][]byte{"scalar": scalar[8:], "scalar, reversed": reversed[:24], "text": []byte(strings.Split(key, "\n")[1])}

	if found := heapAfterUpload(t, text, "", needles); len(found) != 0 {
		t.Errorf("the daemon's heap still holds %v", found)
	}
	kept := filepath.Join(t.TempDir(), "kept.pem")
	if err := os.WriteFile(kept, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := heapAfterUpload(t, text, kept, needles); len(found) == 0 {
		t.Error("the control finds nothing: this test cannot fail")
	}
}

// What parent and child say to each other.
const (
	askDump = "dump"
	dumped  = "dumped"
)

// serveAndDump is the child: a daemon that dumps its heap for each line askDump
// on standard input, until that ends.
func serveAndDump(t *testing.T, dir string) {
	var kept []byte
	if path := os.Getenv(heapKeep); path != "" {
		var err error
		if kept, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	c := defaults()
	c.Listen, c.SSHListen, c.WebListen, c.LocalListen, c.StateDir, c.Socket = "127.0.0.1:0", "", "", "", filepath.Join(dir, "state"), filepath.Join(dir, "socket")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, c, "test", slog.New(slog.DiscardHandler), io.Discard) }()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan() && lines.Text() == askDump; {
		runtime.GC()
		runtime.GC()
		f, err := os.Create(filepath.Join(dir, "heap"))
		if err != nil {
			t.Fatal(err)
		}
		debug.WriteHeapDump(f.Fd())
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		fmt.Println(dumped)
	}
	runtime.KeepAlive(kept)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func heapAfterUpload(t *testing.T, file, keep string, needles map[string][]byte) (found []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "heap-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKeyOfAnUploadLeavesTheDaemonsHeap$", "-test.count=1")
	child.Env = append(os.Environ(), heapDir+"="+dir, heapKeep+"="+keep)
	var said bytes.Buffer
	child.Stderr = &said
	dump, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	client := dialUntil(ctx, t, filepath.Join(dir, "socket"), &said)
	var errs bytes.Buffer
	code, err := client.Run(ctx, []string{"agent-certificate", "upload", "-"}, sshd.Streams{In: strings.NewReader(file), Out: io.Discard, Err: &errs})
	if err != nil || code != 0 {
		t.Fatalf("upload: exit %d, %v, %s", code, err, &errs)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	// The daemon notices the end of a connection a little later.
	deadline := time.Now().Add(10 * time.Second)
	answers := bufio.NewScanner(answer)
	for {
		if _, err := io.WriteString(dump, askDump+"\n"); err != nil {
			t.Fatal(err)
		}
		for answers.Scan() && answers.Text() != dumped {
		}
		heap, err := os.ReadFile(filepath.Join(dir, "heap"))
		if err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		found = nil
		for name, needle := range needles {
			if bytes.Contains(heap, needle) {
				found = append(found, name)
			}
		}
		if len(found) == 0 || keep != "" || time.Now().After(deadline) {
			break
		}
	}
	if err := dump.Close(); err != nil {
		t.Fatal(err)
	}
	for answers.Scan() { // what a test binary says at its end
	}
	if err := child.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	return found
}

func dialUntil(ctx context.Context, t *testing.T, path string, said *bytes.Buffer) *sshd.Client {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		client, err := sshd.Dial(ctx, path)
		if err == nil {
			return client
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the daemon does not answer: %v\n%s", err, said)
		}
	}
}
