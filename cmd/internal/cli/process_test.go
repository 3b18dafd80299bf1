package cli

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNothingIsToldWithoutAServiceManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notify("READY=1"); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "none"))
	if err := notify("READY=1"); err == nil {
		t.Error("a service manager that is not there went unnoticed")
	}
}

func TestTheDaemonsMemoryAndFilesAreItsOwn(t *testing.T) {
	umask := unix.Umask(0)
	t.Cleanup(func() {
		unix.Umask(umask)
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			t.Error(err)
		}
	})
	if err := harden(); err != nil {
		t.Fatal(err)
	}
	if got := unix.Umask(0o077); got != 0o077 {
		t.Errorf("umask %o", got)
	}
	if got, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || got != 0 {
		t.Errorf("dumpable %d, %v", got, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("core limit %+v, %v", limit, err)
	}
}
