package queue

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

// syncDir tells the child of the sync test where to queue.
const syncDir = "QUEUE_TEST_SYNC_DIR"

// TestQueuedPackageIsSyncedBeforeAppendReturns watches the system calls of a
// process that queues one package: a kill shows nothing of that, a power cut
// would.
func TestQueuedPackageIsSyncedBeforeAppendReturns(t *testing.T) {
	if dir := os.Getenv(syncDir); dir != "" {
		queueOne(t, dir)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is missing")
		}
		t.Skip("strace is missing: apt-get install strace")
	}
	dir, trace := t.TempDir(), filepath.Join(t.TempDir(), "trace")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, strace, "-f", "-y", "--seccomp-bpf", "-e", "trace=fsync,fdatasync,unlinkat,mkdirat", "-o", trace,
		os.Args[0], "-test.run=^TestQueuedPackageIsSyncedBeforeAppendReturns$", "-test.count=1")
	cmd.Env = append(os.Environ(), syncDir+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	// The child makes a folder when Append has returned.
	before, _, returned := bytes.Cut(raw, []byte(`appended"`))
	if !returned {
		t.Fatalf("the mark of the return is missing in\n%s", raw)
	}
	file := bytes.Index(before, []byte(packageSuffix+">"))
	folder := bytes.LastIndex(before, fmt.Appendf(nil, "<%s>", dir))
	if file < 0 || folder < file {
		t.Fatalf("the package's file and then its folder were not synced before the return:\n%s", raw)
	}
	if line := lineAt(before, file); !strings.Contains(line, "sync(") {
		t.Fatalf("the package's file was not synced: %s", line)
	}
}

func lineAt(text []byte, at int) string {
	begin := bytes.LastIndexByte(text[:at], '\n') + 1
	return strings.SplitN(string(text[begin:]), "\n", 2)[0]
}

// queueOne is the child.
func queueOne(t *testing.T, dir string) {
	q := mustOpen(t, dir, Options{})
	if err := q.Append([]*agentv1.Event{{Id: strings.Repeat("a", 32)}}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "appended"), 0o700); err != nil {
		t.Fatal(err)
	}
}
