package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// TestADoorThatCannotOpenSaysWhatToDo starts daemons whose SSH address is taken,
// or not theirs.
func TestADoorThatCannotOpenSaysWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, program := range []string{"sensor", "centralnode"} {
		for name, c := range map[string]struct {
			address string
			says    []string
		}{
			"port in use":       {taken.Addr().String(), []string{"(ssh_listen)", "address already in use", "hint: another program listens there; see: ss -ltnp"}},
			"nobody's address":  {"192.0.2.77:2222", []string{"(ssh_listen)", "hint: this server has no such address"}},
			"not an address":    {"2222", []string{"ssh_listen", "is not an address like"}},
			"the agents' port":  {"", []string{"ssh_listen: port", "is the one of listen"}},
			"a port with words": {"127.0.0.1:ssh", []string{"ssh_listen", "is not a port"}},
		} {
			t.Run(program+", "+name, func(t *testing.T) {
				d := prepare(t, program, freePort(t), freePort(t))
				if d.ssh = c.address; d.ssh == "" {
					d.ssh = d.address
				}
				d.configure()
				o := command(t, filepath.Join(bin, program), "--config", d.config, "run")
				if o.code != 1 {
					t.Errorf("exit %d", o.code)
				}
				for _, say := range c.says {
					if !strings.Contains(o.err, say) {
						t.Errorf("it does not say %q:\n%s", say, o.err)
					}
				}
				if _, err := os.Stat(filepath.Join(d.dir, "socket")); !os.IsNotExist(err) {
					t.Errorf("a socket is left: %v", err)
				}
				for _, address := range []string{d.address, d.local} {
					l, err := net.Listen("tcp", address)
					if err != nil {
						t.Errorf("it still listens: %v", err)
						continue
					}
					_ = l.Close()
				}
				// Once the address is right, the same state starts.
				d.ssh = freePort(t)
				d.configure()
				d.start()
				newDesk(d).must("ssh", "admin@HOST", "version")
				d.stop()
			})
		}
	}
}

func TestAFullDiskRefusesUploadsAndLetsAdministratorsIn(t *testing.T) {
	for _, program := range []string{"sensor", "centralnode"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			d := prepare(t, program, freePort(t), freePort(t))
			// Too small for the space that the state file sets aside for small changes.
			smallDisk(t, d.state(), 1)
			smallDisk(t, filepath.Join(d.state(), "events"), 64)
			k := openDoor(d)
			small, large := ownPair(t), ownPair(t)
			k.write("kata.pem", string(small.EncodePEM()))
			k.must("scp", "kata.pem", "admin@HOST:")
			served := k.met()
			free := fill(t, d.state())
			// As much as fits: its pages have no room in the file that is full.
			text := string(large.EncodePEM())
			k.write("kata.pem", strings.Repeat("# \n", (64<<10-len(text))/3)+text)
			for _, c := range copiers() {
				o := c.put(k, "kata.pem", "")
				if o.code == 0 || !strings.Contains(o.out+o.err, "the disk is full, nothing was changed") {
					t.Errorf("%s: exit %d\n%s%s", c.name, o.code, o.out, o.err)
				}
			}
			if o := k.do(k.read("kata.pem"), "ssh", "admin@HOST", "certificate upload -"); o.code != 1 || !strings.Contains(o.err, "space") || !strings.Contains(o.err, "hint: ") {
				t.Errorf("as a stream: exit %d, %s", o.code, o.err)
			}
			// Whoever may come in still does, and sees what is there.
			for name, line := range map[string][]string{"key": k.line("ssh", "admin@HOST", "status"), "password": k.lineByPassword("ssh", "admin@HOST", "status")} {
				if o := k.doLine("", line); o.code != 0 {
					t.Errorf("by %s: exit %d, %s", name, o.code, o.err)
				}
			}
			s := read[acts.ServerCertificate](k, "certificate", "show")
			if s.Uploaded == nil || s.Uploaded.Fingerprint != small.Fingerprint() || k.met() != served {
				t.Errorf("the earlier upload is %+v", s.Uploaded)
			}
			k.pull(copiers()[0])
			free()
			eventually(t, 20*time.Second, "an upload is taken again", func() bool { return k.do("", "scp", "kata.pem", "admin@HOST:").code == 0 })
			if o := k.command("certificate install --yes"); o.code != 0 || k.met() != string(large.CertificatePEM()) {
				t.Errorf("afterwards: exit %d, %s", o.code, o.err)
			}
			if o := k.command("audit verify"); o.code != 0 {
				t.Errorf("the records: exit %d, %s", o.code, o.err)
			}
			k.stop()
		})
	}
}
