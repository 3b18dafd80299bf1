package e2e

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// copier is a program that copies files over SSH, in one of its ways.
type copier struct {
	name     string
	put, get func(k *desk, local, remote string) output
}

// script makes a copier of a program that takes commands.
func script(name string, run func(k *desk, command string) output) copier {
	return copier{
		name: name,
		put:  func(k *desk, local, remote string) output { return run(k, strings.TrimSpace("put "+local+" "+remote)) },
		get: func(k *desk, remote, local string) output {
			return run(k, strings.TrimSuffix("get "+remote+" "+local, " ."))
		},
	}
}

// copying makes a copier of a program that copies from one argument to the
// other.
func copying(name, program string, flags ...string) copier {
	return copier{
		name: name,
		put: func(k *desk, local, remote string) output {
			return k.do("", program, append(flags[:len(flags):len(flags)], local, "admin@HOST:"+remote)...)
		},
		get: func(k *desk, remote, local string) output {
			return k.do("", program, append(flags[:len(flags):len(flags)], "admin@HOST:"+remote, local)...)
		},
	}
}

func copiers() []copier {
	return []copier{
		copying("scp", "scp"),
		copying("scp -O", "scp", "-O"),
		script("sftp -b", func(k *desk, command string) output {
			return k.do("", "sftp", "-b", k.write("batch.sftp", command+"\n"), "admin@HOST")
		}),
		copying("pscp -scp", "pscp", "-scp"),
		copying("pscp -sftp", "pscp", "-sftp"),
		script("psftp -b", func(k *desk, command string) output {
			return k.do("", "psftp", "-b", k.write("batch.psftp", command+"\n"), "admin@HOST")
		}),
	}
}

// doors runs a test with a daemon of each kind, that administrators reach over
// SSH.
func doors(t *testing.T, test func(t *testing.T, k *desk)) {
	t.Run("sensor", func(t *testing.T) {
		t.Parallel() // with the other daemon: clients wait more than they work
		_, k := sensorWithDoor(t)
		test(t, k)
		k.stop()
	})
	t.Run("centralnode", func(t *testing.T) {
		t.Parallel()
		_, k := nodeWithDoor(t)
		test(t, k)
		k.stop()
	})
}

// ownPair makes what an administrator brings: a certificate with its key.
func ownPair(t testing.TB) *pki.Pair {
	t.Helper()
	pair, err := pki.GenerateServer(pki.ServerOptions{Names: []string{"kata.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// met is the certificate that a TLS client meets at this moment, as PEM.
func (d *daemon) met() string {
	d.t.Helper()
	conn, err := tls.Dial("tcp", d.address, pki.ClientConfig(func(pki.Fingerprint) error { return nil }, nil))
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	leaf := conn.ConnectionState().PeerCertificates[0]
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
}

// keyText is a line from the middle of a pair's private key.
func keyText(t testing.TB, pair *pki.Pair) string {
	t.Helper()
	_, key, found := strings.Cut(string(pair.EncodePEM()), "-----BEGIN PRIVATE KEY-----\n")
	line, _, _ := strings.Cut(key, "\n")
	if !found || len(line) < 60 {
		t.Fatal("no key in the file")
	}
	return line[20:60]
}

// TestDocumentedCopiesWorkWithEveryProgram follows the source document's steps
// around "scp kata.pem admin@HOST:" and "scp admin@HOST:ssl/kata.crt .".
func TestDocumentedCopiesWorkWithEveryProgram(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		var keys []string
		for _, c := range copiers() {
			pair := ownPair(t)
			keys = append(keys, keyText(t, pair))
			k.write("kata.pem", string(pair.EncodePEM()))
			begun := time.Now().Truncate(time.Second)
			if o := c.put(k, "kata.pem", ""); o.code != 0 {
				t.Fatalf("%s: upload: exit %d\n%s%s", c.name, o.code, o.out, o.err)
			}
			file := read[acts.ServerCertificate](k, "certificate", "show").Uploaded
			if file == nil || file.Fingerprint != pair.Fingerprint() || file.Time.Before(begun) || file.Time.After(time.Now()) {
				t.Fatalf("%s: the upload is shown as %+v", c.name, file)
			}
			shown := k.command("certificate show").out
			if !strings.Contains(shown, "kata.pem:") || !strings.Contains(shown, file.Fingerprint.String()) || !strings.Contains(shown, file.Time.UTC().Format(time.RFC3339)) {
				t.Errorf("%s: certificate show does not name the upload:\n%s", c.name, shown)
			}
			before := k.met()
			if k.pull(c); k.read("kata.crt") != before || before == string(pair.CertificatePEM()) {
				t.Errorf("%s: an upload changes what is served", c.name)
			}
			if o := k.command("certificate install --yes"); o.code != 0 {
				t.Fatalf("%s: install: exit %d, %s", c.name, o.code, o.err)
			}
			// What agents meet and what is downloaded is the leaf, without its key.
			if k.pull(c); k.read("kata.crt") != string(pair.CertificatePEM()) || k.met() != string(pair.CertificatePEM()) {
				t.Errorf("%s: after the installation agents meet\n%s\nand kata.crt is\n%s", c.name, k.met(), k.read("kata.crt"))
			}
			if shown := k.command("certificate show").out; strings.Contains(shown, "kata.pem") {
				t.Errorf("%s: kata.pem is there after its installation:\n%s", c.name, shown)
			}
		}
		k.holdsKeysBack(keys)
	})
}

// pull downloads ssl/kata.crt to kata.crt.
func (k *desk) pull(c copier) {
	k.t.Helper()
	_ = os.Remove(k.path("kata.crt"))
	if o := c.get(k, "ssl/kata.crt", "."); o.code != 0 {
		k.t.Fatalf("%s: download: exit %d\n%s%s", c.name, o.code, o.out, o.err)
	}
	if strings.Contains(k.read("kata.crt"), "PRIVATE") {
		k.t.Fatalf("%s: a private key was downloaded", c.name)
	}
}

// holdsKeysBack checks that private keys are nowhere but in the state file, which is for
// its owner only.
func (k *desk) holdsKeysBack(keys []string) {
	k.t.Helper()
	files := 0
	err := filepath.WalkDir(k.daemon.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a file that stood in for another one
		}
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Name() == "state.db" {
			if info.Mode() != 0o600 {
				k.t.Errorf("%s has the mode %v", path, info.Mode())
			}
			return nil
		}
		for _, key := range keys {
			if strings.Contains(string(text), key) || strings.Contains(string(text), "PRIVATE KEY") {
				k.t.Errorf("%s holds a private key", path)
			}
		}
		return nil
	})
	if err != nil || files < 3 {
		k.t.Errorf("%d files, %v", files, err)
	}
	for _, args := range []string{"audit list --limit 1000", "audit list --limit 1000 --output json", "certificate show --output json", "status --output json"} {
		o := k.command(args)
		if o.code != 0 {
			k.t.Errorf("%s: exit %d, %s", args, o.code, o.err)
		}
		for _, key := range keys {
			if strings.Contains(o.out, key) {
				k.t.Errorf("%s shows a private key", args)
			}
		}
	}
}

func TestAnUploadIsForgottenInEveryWay(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		k.write("kata.pem", string(ownPair(t).EncodePEM()))
		served := k.met()
		k.write("remove", "rm kata.pem\n")
		for name, remove := range map[string][]string{
			"certificate discard": {"ssh", "admin@HOST", "certificate discard"},
			"plink":               {"plink", "admin@HOST", "certificate discard"},
			"sftp rm":             {"sftp", "-b", k.path("remove"), "admin@HOST"},
			"psftp rm":            {"psftp", "-b", k.path("remove"), "admin@HOST"},
		} {
			k.must("scp", "kata.pem", "admin@HOST:")
			if listed := k.do("ls -l\n", "sftp", "admin@HOST"); !strings.Contains(listed.out, "-rw-------") || !strings.Contains(listed.out, "kata.pem") {
				t.Errorf("%s: before it sftp lists\n%s", name, listed.out)
			}
			o := k.do("", remove[0], remove[1:]...)
			if o.code != 0 {
				t.Errorf("%s: exit %d\n%s%s", name, o.code, o.out, o.err)
			}
			if s := read[acts.ServerCertificate](k, "certificate", "show"); s.Uploaded != nil || s.PEM != served {
				t.Errorf("%s: left %+v", name, s.Uploaded)
			}
			if o := k.do("", remove[0], remove[1:]...); o.code == 0 {
				t.Errorf("%s: forgetting what is not there succeeds", name)
			}
		}
		if k.met() != served {
			t.Error("the certificate in use changed")
		}
		acted := map[acts.Face]int{}
		for _, r := range read[[]acts.AuditRecord](k, "audit", "list", "--limit", "1000") {
			if r.Account == "admin" {
				acted[r.Face]++
				if r.From != "127.0.0.1" {
					t.Errorf("a record without its address: %+v", r)
				}
			}
		}
		if acted[acts.FaceCopy] == 0 || acted[acts.FaceCommand] == 0 {
			t.Errorf("the records tell a copy from a command: %v", acted)
		}
	})
}

// TestSFTPWorksThroughAPipe gives sftp its commands as a person types them.
func TestSFTPWorksThroughAPipe(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		pair := ownPair(t)
		k.write("kata.pem", string(pair.EncodePEM()))
		o := k.do("pwd\nput kata.pem\nls -l\ncd ssl\nget kata.crt\nbye\n", "sftp", "admin@HOST")
		if o.code != 0 || !strings.Contains(o.out, "-rw-------") || k.read("kata.crt") != k.met() {
			t.Errorf("sftp: exit %d\n%s%s", o.code, o.out, o.err)
		}
		if file := read[acts.ServerCertificate](k, "certificate", "show").Uploaded; file == nil || file.Fingerprint != pair.Fingerprint() {
			t.Errorf("uploaded is %+v", file)
		}
		_ = os.Remove(k.path("kata.crt"))
		o = k.do("ls\nget ssl/kata.crt kata.crt\nrm kata.pem\nquit\n", "psftp", "admin@HOST")
		if o.code != 0 || k.read("kata.crt") != k.met() || read[acts.ServerCertificate](k, "certificate", "show").Uploaded != nil {
			t.Errorf("psftp: exit %d\n%s%s", o.code, o.out, o.err)
		}
		// Standard streams do the same without a file protocol.
		o = k.do(k.read("kata.pem"), "plink", "admin@HOST", "certificate upload -")
		if file := read[acts.ServerCertificate](k, "certificate", "show").Uploaded; o.code != 0 || file == nil || file.Fingerprint != pair.Fingerprint() {
			t.Errorf("plink: exit %d\n%s%s", o.code, o.out, o.err)
		}
		if got := k.must("plink", "admin@HOST", "certificate download"); got != k.met() {
			t.Errorf("plink downloads %q", got)
		}
	})
}

// snapshot is a text of a folder: its names, modes, times of change and what the
// files hold. Left out are the log and what a daemon writes by itself: every minute
// into the state file and to say whose the spool is, and at times into the event
// log.
func snapshot(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch name, _ := filepath.Rel(root, path); name {
		case "log", "state/scan/spool.of":
			return nil
		case "state/events":
			return fs.SkipDir
		case "state/state.db", "state/scan":
			fmt.Fprintln(&b, path, info.Mode())
			return nil
		}
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime())
		if e.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%x\n", pki.FingerprintOf(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What refusals say.
const (
	onlyCopies   = "only kata.pem can be uploaded here, and ssl/kata.crt downloaded"
	readOnlyCopy = "ssl/kata.crt can be downloaded, but neither written nor removed"
	noReadBack   = "kata.pem can be uploaded and removed, but not read back"
)

// refusesCopies copies in all ways that are refused; got is the name of a local
// file that is not there.
func (k *desk) refusesCopies(c copier, got string) {
	for _, r := range []struct{ local, remote, say string }{
		{"other.pem", "", onlyCopies},
		{"other.pem", "other.pem", onlyCopies},
		{"kata.pem", "kata.key", onlyCopies},
		{"kata.pem", "../kata.key", onlyCopies},
		{"kata.pem", "/etc/kata.key", onlyCopies},
		{"kata.pem", "ssl/kata.key", onlyCopies},
		{"kata.pem", "ssl/kata.crt", readOnlyCopy},
		{"kata.pem", "ssl", ""}, // some make ssl/kata.pem of it
		{"kata.pem", k.state() + "/kata.pem", onlyCopies},
		{"large.pem", "kata.pem", "kata.pem may have 64 KiB at most; nothing was kept"},
		{"empty.pem", "kata.pem", "the file is empty; nothing was kept"},
	} {
		o := c.put(k, r.local, r.remote)
		if o.code == 0 || !strings.Contains(o.out+o.err, r.say) {
			k.t.Errorf("%s: %s to %q: exit %d, want %q in\n%s%s", c.name, r.local, r.remote, o.code, r.say, o.out, o.err)
		}
	}
	for remote, say := range map[string]string{
		"kata.pem": noReadBack, "../kata.pem": noReadBack, "kata.key": onlyCopies, "ssl/kata.key": onlyCopies,
		"../../../../etc/passwd": onlyCopies, "/proc/self/environ": onlyCopies, k.state() + "/state.db": onlyCopies,
	} {
		o := c.get(k, remote, got)
		if text := k.read(got); o.code == 0 || text != "" {
			k.t.Errorf("%s: download of %q: exit %d, got %d bytes\n%s%s", c.name, remote, o.code, len(text), o.out, o.err)
		}
		// sftp and psftp look first, and say themselves that it is not there.
		said := strings.ToLower(o.out + o.err)
		if !strings.Contains(said, say) && !strings.Contains(said, "not found") && !strings.Contains(said, "no such file") {
			k.t.Errorf("%s: download of %q does not say %q:\n%s%s", c.name, remote, say, o.out, o.err)
		}
		_ = os.Remove(k.path(got))
	}
}

func TestRefusedCopiesAreToldAndLeaveNoTrace(t *testing.T) {
	doors(t, func(t *testing.T, k *desk) {
		pair := ownPair(t)
		k.write("kata.pem", string(pair.EncodePEM()))
		k.write("other.pem", string(pair.EncodePEM()))
		k.write("large.pem", strings.Repeat("k", 64<<10+1))
		k.write("empty.pem", "")
		if err := os.Mkdir(k.path("folder"), 0o700); err != nil {
			t.Fatal(err)
		}
		k.write("folder/kata.pem", string(pair.EncodePEM()))
		k.must("scp", "kata.pem", "admin@HOST:")
		uploaded := read[acts.ServerCertificate](k, "certificate", "show")
		before, kept := snapshot(t, k.daemon.dir), k.decided()
		var all sync.WaitGroup
		for i, c := range copiers() {
			all.Go(func() { k.refusesCopies(c, fmt.Sprintf("got%d", i)) })
		}
		all.Wait()
		for _, line := range [][]string{
			{"scp", "-r", "folder", "admin@HOST:"}, {"scp", "-O", "-r", "folder", "admin@HOST:"},
			{"pscp", "-scp", "-r", "folder", "admin@HOST:"}, {"pscp", "-sftp", "-r", "folder", "admin@HOST:"},
		} {
			if o := k.do("", line[0], line[1:]...); o.code == 0 || !strings.Contains(o.out+o.err, "folders cannot be uploaded") && !strings.Contains(o.out+o.err, onlyCopies) {
				t.Errorf("%q: exit %d\n%s%s", line, o.code, o.out, o.err)
			}
		}
		for command, say := range map[string]string{
			"rename kata.pem kata.key": "nothing can be renamed here", "rename ssl/kata.crt kata.pem": "nothing can be renamed here",
			"ln -s /etc/passwd kata.pem": "there are no links here", "ln ssl/kata.crt kata.pem": "there are no links here",
			"rm ssl/kata.crt": readOnlyCopy, "mkdir x": onlyCopies, "rmdir ssl": onlyCopies, "get -r . all": "", "put -r folder": onlyCopies,
		} {
			k.write("batch", command+"\n")
			o := k.do("", "sftp", "-b", k.path("batch"), "admin@HOST")
			if o.code == 0 && command != "get -r . all" || !strings.Contains(o.out+o.err, say) {
				t.Errorf("sftp %s: exit %d, want %q in\n%s%s", command, o.code, say, o.out, o.err)
			}
		}
		if k.read("all/kata.pem") != "" {
			t.Error("a recursive download has kata.pem")
		}
		// What is harmless is said to be done, and does nothing.
		if o := k.do("chmod 777 kata.pem\nchmod 777 ssl/kata.crt\n", "sftp", "-b", "-", "admin@HOST"); o.code != 0 {
			t.Errorf("chmod: exit %d\n%s", o.code, o.err)
		}
		if after := snapshot(t, k.daemon.dir); after != before {
			t.Errorf("refusals changed the daemon's files from\n%s\nto\n%s", before, after)
		}
		if now := k.decided(); now != kept {
			t.Error("refusals changed what the state file holds")
		}
		// The daemon's working folder is this one.
		if strays, err := filepath.Glob("*.[pkc][er][mty]"); err != nil || len(strays) > 0 {
			t.Errorf("refusals left %q, %v", strays, err)
		}
		if after := read[acts.ServerCertificate](k, "certificate", "show"); after.Uploaded == nil || *after.Uploaded != *uploaded.Uploaded || after.Revision != uploaded.Revision || k.met() != uploaded.PEM {
			t.Errorf("after the refusals: %+v, was %+v", after.Uploaded, uploaded.Uploaded)
		}
	})
}
