package machine

import (
	"os"
	"os/exec"
	"testing"
)

func TestOnePlaceHasOneDigest(t *testing.T) {
	first, err := Here()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Here(); err != nil || second != first || first == (Digest{}) {
		t.Fatalf("%x, then %x, %v", first, second, err)
	}
}

func TestEachPartTellsServersApart(t *testing.T) {
	base := digest([]byte("machine\n"), []byte("boot\n"), 4, 100)
	if base != digest([]byte("machine"), []byte("boot"), 4, 100) {
		t.Error("a line break at the end of a file makes another server")
	}
	for name, other := range map[string]Digest{
		"machine": digest([]byte("other"), []byte("boot"), 4, 100), "boot": digest([]byte("machine"), []byte("other"), 4, 100),
		"namespace": digest([]byte("machine"), []byte("boot"), 4, 101), "device": digest([]byte("machine"), []byte("boot"), 5, 100),
		"no machine id": digest(nil, []byte("boot"), 4, 100),
	} {
		if other == base {
			t.Errorf("another %s gives the same digest", name)
		}
	}
}

// TestMain lets the test binary print its own digest, so that it can be run in
// another network namespace.
func TestMain(m *testing.M) {
	if os.Getenv("MACHINE_PRINT") != "" {
		d, err := Here()
		if err != nil {
			os.Exit(1)
		}
		os.Stdout.Write(d[:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestNetworkNamespaceIsAServerOfItsOwn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to make a network namespace")
	}
	here, err := Here()
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) Digest {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "MACHINE_PRINT=1")
		out, err := cmd.Output()
		if err != nil || len(out) != len(Digest{}) {
			t.Fatalf("%s %v: %d bytes, %v", name, args, len(out), err)
		}
		return Digest(out)
	}
	if again := run(os.Args[0]); again != here {
		t.Error("another process of this server has another digest")
	}
	if other := run("unshare", "--net", os.Args[0]); other == here {
		t.Error("a network namespace of its own has the digest of this server")
	}
}
