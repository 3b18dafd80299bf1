package collect

import (
	"os"
	"os/exec"
	"reflect"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCallAndStatusFileTellTheSame(t *testing.T) {
	call, text := newProcfs("/proc"), newProcfs("/proc")
	text.pidInfo = false
	cmd := exec.Command("sleep", "1000")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}()
	for { // it is started before its arguments can be read
		d, err := text.read(int32(cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if len(d.args) == len(cmd.Args) {
			break
		}
	}
	for _, pid := range []int{os.Getpid(), os.Getppid(), 1, cmd.Process.Pid} {
		a, err := call.read(int32(pid))
		if err != nil {
			t.Fatal(err)
		}
		b, err := text.read(int32(pid))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) || !a.uidKnown {
			t.Errorf("process %d: %+v by call, %+v by file", pid, a, b)
		}
	}
}

func TestKernelWithoutTheCallIsNotAskedAgain(t *testing.T) {
	p := newProcfs("/proc")
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) // answers as an old kernel does
	if err != nil {
		t.Fatal(err)
	}
	defer closeRaw(null)
	var d details
	if p.identify(null, &d) || p.pidInfo || d.uidKnown {
		t.Fatalf("%+v, %v", d, p.pidInfo)
	}
	if d, err := p.read(int32(os.Getpid())); err != nil || d.parent != int32(os.Getppid()) || !d.complete {
		t.Fatalf("%+v, %v", d, err)
	}
	if p.handle(int32(os.Getpid())) != -1 {
		t.Fatal("a handle that nobody asks")
	}
}
