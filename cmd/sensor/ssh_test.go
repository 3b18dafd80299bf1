package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/pki"
)

func startSensor(t *testing.T) *clitest.Daemon {
	t.Helper()
	return clitest.Start(t, func(ctx context.Context, d *clitest.Daemon, logger *slog.Logger, console io.Writer) error {
		c := defaults()
		c.Listen, c.SSHListen, c.LocalListen, c.StateDir, c.Socket = "127.0.0.1:0", "127.0.0.1:0", "", d.State, d.Socket
		return run(ctx, c, "1.2.3", logger, console)
	})
}

// signedIn starts a Sensor, and gives a desk whose key signs in as admin.
func signedIn(t *testing.T) (*clitest.Daemon, *clitest.OpenSSH) {
	t.Helper()
	d := startSensor(t)
	desk := clitest.NewOpenSSH(t, d.SSH, d.Password)
	if exit, out := d.Command(desk.Read("id.pub"), "account", "key", "add", "admin", "-"); exit != 0 {
		t.Fatalf("exit %d: %s", exit, out)
	}
	return d, desk
}

func TestAnAdministratorWithAPasswordSignsInOverTheNetwork(t *testing.T) {
	d := startSensor(t)
	desk := clitest.NewOpenSSH(t, d.SSH, d.Password)
	exit, out, errs := desk.Run("", "ssh", "status", "--output", "json")
	var status acts.SensorStatus
	if err := json.Unmarshal([]byte(out), &status); exit != 0 || err != nil {
		t.Fatalf("exit %d, output %q, messages %q, %v", exit, out, errs, err)
	}
	if _, known, _ := desk.Run("", "ssh-keygen", "-lf", "known_hosts"); !strings.Contains(known, d.HostKey) || status.SSH.HostKey != d.HostKey {
		t.Errorf("the host key is %q, the log says %s, status %s", known, d.HostKey, status.SSH.HostKey)
	}
	if status.SSH.Sessions != 1 {
		t.Errorf("%d are signed in, this one is", status.SSH.Sessions)
	}

	// The password is changed where it was typed; the key that is added signs in.
	if exit, out, errs := desk.Run(d.Password+"\nNew-horse-2\n", "ssh", "account", "change-password", "--password-file", "-"); exit != 0 {
		t.Errorf("exit %d, output %q, messages %q", exit, out, errs)
	}
	if exit, _, errs := desk.Run("", "ssh", "-o", "NumberOfPasswordPrompts=1", "status"); exit != 255 {
		t.Errorf("the old password: exit %d, messages %q", exit, errs)
	}
	if exit, out := d.Command(desk.Read("id.pub"), "account", "key", "add", "admin", "-"); exit != 0 {
		t.Errorf("exit %d: %s", exit, out)
	}
	if exit, out, errs := desk.Run("", "ssh", "account", "key", "list", "admin"); exit != 0 || !strings.Contains(out, "ssh-ed25519  desk") {
		t.Errorf("exit %d, output %q, messages %q", exit, out, errs)
	}
	if _, out := d.Command("", "audit", "list", "--account", "admin"); !strings.Contains(out, "127.0.0.1") || strings.Contains(out, "horse") {
		t.Errorf("the records: %s", out)
	}
}

func TestCommandsOverSSHEndAsTheyDoHere(t *testing.T) {
	_, desk := signedIn(t)
	for _, c := range []struct {
		line, input string
		exit        int
		out, errs   string
	}{
		{"status", "", 0, "Administrators connect to: ", ""},
		{"sensor version", "", 0, "sensor 1.2.3\n", ""},
		{"help", "", 0, "central-node", ""},
		{"", "", 2, "", "error: the menu needs a terminal"},
		{"menu", "", 2, "", "hint: ssh -t admin@SERVER menu"},
		{"run", "", 2, "", `error: "run" is done by the program sensor itself`},
		{"config show", "", 2, "", "hint: on the server, give the command: sensor config"},
		{"reset-password", "", 2, "", "hint: on the server, give the command: sensor reset-password"},
		{"completion bash", "", 2, "", `error: "completion" is done by`},
		{"statu", "", 2, "", `did you mean "status"?`},
		{"status; reboot", "", 2, "", "there is no shell here"},
		{"certificate upload kata.pem", "", 2, "", "scp kata.pem admin@SERVER:"},
		{"certificate install kata.pem --yes", "", 2, "", "ssh admin@SERVER certificate install - < kata.pem"},
		{"certificate download --out f", "", 2, "", "hint: leave it out, and redirect the output: > FILE"},
		{"certificate install", "", 3, "", "hint: "},
		{"certificate discard", "", 3, "", "error: "},
		{"certificate generate", "", 4, "", "hint: add --yes to do it"},
		{"central-node set 127.0.0.1:1 --dry-run", "", 1, "", "nothing listens on that port"},
		{"account create eve --role administrator --password-file /etc/shadow", "", 2, "", "error: the daemon reads no file"},
		{"account create eve --role security-auditor --password-file -", "Correct-horse7\n", 0, "Account: ", ""},
		{"account password eve --password-file -", "weak\n", 2, "", "error: "},
		{"account delete eve --yes", "", 0, "Account: ", ""},
		{"account delete eve --yes", "", 3, "", "error: "},
		{"account key add admin -", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 2, "", "error: "},
	} {
		args := []string{c.line}
		if c.line == "" {
			args = nil
		}
		exit, out, errs := desk.Run(c.input, "ssh", args...)
		if exit != c.exit || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) || c.out == "" && out != "" {
			t.Errorf("%q: exit %d, output %q, messages %q; want exit %d", c.line, exit, out, errs, c.exit)
		}
	}
}

func TestACertificateTravelsBothWaysAsStreamsAndAsCopies(t *testing.T) {
	d, desk := signedIn(t)
	pair, err := pki.GenerateServer(pki.ServerOptions{Names: []string{"sensor.example.org"}})
	if err != nil {
		t.Fatal(err)
	}
	file, leaf := string(pair.EncodePEM()), string(pair.CertificatePEM())
	desk.Write("kata.pem", file)
	must := func(input, program string, args ...string) string {
		t.Helper()
		exit, out, errs := desk.Run(input, program, args...)
		if exit != 0 {
			t.Errorf("%s %q: exit %d, messages %q", program, args, exit, errs)
		}
		return out
	}
	must(file, "ssh", "certificate upload -")
	if exit, _, errs := desk.Run("", "ssh", "certificate discard"); exit != 0 || errs != "kata.pem was removed\n" {
		t.Errorf("exit %d, messages %q", exit, errs)
	}
	if shown := must("", "ssh", "certificate show"); strings.Contains(shown, "kata.pem") {
		t.Errorf("a discarded file is shown: %s", shown)
	}
	must("", "scp", "kata.pem", "admin@HOST:")
	if shown := must("", "ssh", "certificate show"); !strings.Contains(shown, "kata.pem:") || !strings.Contains(shown, pair.Fingerprint().String()) {
		t.Errorf("a copied file is not shown: %s", shown)
	}
	must("", "ssh", "certificate install --yes")
	if got := must("", "ssh", "certificate download"); got != leaf {
		t.Errorf("downloaded %q", got)
	}
	for _, flag := range []string{"-s", "-O"} { // both protocols
		must("", "scp", flag, "admin@HOST:ssl/kata.crt", "got"+flag+".crt")
		if got := desk.Read("got" + flag + ".crt"); got != leaf {
			t.Errorf("scp %s: %q", flag, got)
		}
	}
	must("", "ssh", "certificate generate --yes")
	must(file, "ssh", "certificate install - --yes")
	if got := must("", "ssh", "certificate download"); got != leaf {
		t.Errorf("installed from standard input: %q", got)
	}
	if exit, _, _ := desk.Run("", "scp", "admin@HOST:kata.pem", "stolen.pem"); exit == 0 {
		t.Error("a key was read back")
	}
	_, records := d.Command("", "audit", "list", "--account", "admin")
	if !strings.Contains(records, "copy") || !strings.Contains(records, "command") {
		t.Errorf("the records do not tell a copy from a command: %s", records)
	}
}

func TestAnInterruptEndsALiveViewAndItsSession(t *testing.T) {
	d, desk := signedIn(t)
	watch := desk.Command("ssh", "link", "watch")
	lines, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := watch.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := watch.Wait(); err == nil {
		t.Error("it ended as if nothing had happened")
	}

	// On a terminal the key is sent, and the command says how it ended.
	person, terminal := clitest.OpenTerminal(t)
	watch = desk.Command("ssh", "-t", "link", "watch")
	watch.Stdin, watch.Stdout = terminal, terminal
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	clitest.ReadUntil(t, person, "Unconfigured")
	if _, err := person.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if err := watch.Wait(); watch.ProcessState.ExitCode() != 130 {
		t.Errorf("%v, want exit code 130", err)
	}
	noneSignedIn(t, d)
}

// noneSignedIn waits until nobody is signed in.
func noneSignedIn(t *testing.T, d *clitest.Daemon) {
	t.Helper()
	for deadline := time.Now().Add(clitest.Patience); ; {
		_, out := d.Command("", "status")
		if strings.Contains(out, "0 signed in now") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("somebody is signed in still: %s", out)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestARoleMayDoOverSSHWhatItMayDoElsewhere(t *testing.T) {
	d, desk := signedIn(t)
	if exit, out := d.Command("Correct-horse7\n", "account", "create", "eve", "--role", "security-auditor", "--password-file", "-"); exit != 0 {
		t.Fatalf("exit %d: %s", exit, out)
	}
	// A key signs in as one account.
	if exit, out := d.Command(desk.Read("id.pub"), "account", "key", "add", "eve", "-"); exit != 4 {
		t.Errorf("a key for two accounts: exit %d: %s", exit, out)
	}
	if exit, _, errs := desk.Run("", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "eve"); exit != 0 {
		t.Fatal(errs)
	}
	if exit, out := d.Command(desk.Read("eve.pub"), "account", "key", "add", "eve", "-"); exit != 0 {
		t.Fatalf("exit %d: %s", exit, out)
	}
	as := func(line string) (int, string, string) {
		return desk.Run("", "ssh", "-o", "User=eve", "-o", "IdentityFile="+filepath.Join(desk.Folder, "eve"), line)
	}
	if exit, out, errs := as("status"); exit != 0 {
		t.Errorf("a look: exit %d, output %q, messages %q", exit, out, errs)
	}
	for _, line := range []string{"certificate generate --yes", "account delete admin --yes", "central-node set 127.0.0.1:1 --dry-run"} {
		if exit, out, errs := as(line); exit != 6 || out != "" {
			t.Errorf("%s: exit %d, output %q, messages %q", line, exit, out, errs)
		}
	}

	// Who is deleted is out at once.
	watch := desk.Command("ssh", "-o", "User=eve", "-o", "IdentityFile="+filepath.Join(desk.Folder, "eve"), "link", "watch")
	lines, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if exit, out := d.Command("", "account", "delete", "eve", "--yes"); exit != 0 || !strings.Contains(out, "Sessions ended:") {
		t.Errorf("exit %d: %s", exit, out)
	}
	if err := watch.Wait(); watch.ProcessState.ExitCode() != 255 {
		t.Errorf("%v, want exit code 255: the connection ends", err)
	}
}

func TestALiveViewOverSSHHearsThatTheDaemonStops(t *testing.T) {
	d, desk := signedIn(t)
	watch := desk.Command("ssh", "link", "watch")
	var errs bytes.Buffer
	watch.Stderr = &errs
	lines, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := lines.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	d.Stop()
	if err := watch.Wait(); watch.ProcessState.ExitCode() != 5 || !strings.Contains(errs.String(), "the daemon is stopping") {
		t.Errorf("%v, messages %q; want exit code 5", err, errs.String())
	}
}
