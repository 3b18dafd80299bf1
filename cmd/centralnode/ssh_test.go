package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/pki"
)

func TestAnAdministratorOfTheCentralNodeWorksOverSSH(t *testing.T) {
	d := clitest.Start(t, func(ctx context.Context, d *clitest.Daemon, logger *slog.Logger, console io.Writer) error {
		c := defaults()
		c.Listen, c.SSHListen, c.WebListen, c.LocalListen, c.StateDir, c.Socket = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "", d.State, d.Socket
		return run(ctx, c, "1.2.3", logger, console)
	})
	desk := clitest.NewOpenSSH(t, d.SSH, d.Password)
	exit, out, errs := desk.Run("", "ssh", "status", "--output", "json")
	var status acts.Status
	if err := json.Unmarshal([]byte(out), &status); exit != 0 || err != nil || status.SSH.HostKey != d.HostKey || status.SSH.Sessions != 1 {
		t.Fatalf("exit %d, output %q, messages %q, %v", exit, out, errs, err)
	}
	if exit, out := d.Command(desk.Read("id.pub"), "account", "key", "add", "admin", "-"); exit != 0 {
		t.Fatalf("exit %d: %s", exit, out)
	}

	// Data arrive as they are; on a terminal, which would change them, nothing is made.
	exit, pfx, errs := desk.Run("secret\n", "ssh", "agent-certificate generate --name office --password-file -")
	if exit != 0 {
		t.Fatalf("exit %d, messages %q", exit, errs)
	}
	if pair, err := pki.DecodePFX([]byte(pfx), "secret"); err != nil || !strings.Contains(pair.Leaf().Subject.String(), "office") {
		t.Errorf("the container: %v", err)
	}
	if exit, out, errs := desk.Run("", "ssh", "-tt", "agent-certificate generate"); exit != 2 || !strings.Contains(out+errs, "leave out") && !strings.Contains(out+errs, "without -t") {
		t.Errorf("on a terminal: exit %d, output %q, messages %q", exit, out, errs)
	}
	pair, err := pki.GenerateAgent(pki.AgentOptions{Name: "branch"})
	if err != nil {
		t.Fatal(err)
	}
	if exit, out, errs := desk.Run(string(pair.EncodePEM()), "ssh", "agent-certificate upload -"); exit != 0 || !strings.Contains(out, pair.Fingerprint().String()) {
		t.Errorf("exit %d, output %q, messages %q", exit, out, errs)
	}
	if exit, out, errs := desk.Run("", "ssh", "agent-certificate list --output json"); exit != 0 || strings.Count(out, `"subject"`) != 2 {
		t.Errorf("exit %d, output %q, messages %q", exit, out, errs)
	}
	for line, want := range map[string]int{"sensor list": 0, "run": 2, "sensor show nobody": 3, "external-system list": 0, "external-system show nobody": 3, "alert list": 0, "alert show 1": 3, "scan show": 0, "certificate generate": 4, "centralnode version": 0} {
		if exit, out, errs := desk.Run("", "ssh", line); exit != want {
			t.Errorf("%s: exit %d, want %d; output %q, messages %q", line, exit, want, out, errs)
		}
	}

	// The documented copies.
	desk.Write("kata.pem", string(pair.EncodePEM()))
	if exit, _, errs := desk.Run("", "scp", "kata.pem", "admin@HOST:"); exit != 0 {
		t.Errorf("exit %d, messages %q", exit, errs)
	}
	if exit, _, errs := desk.Run("", "scp", "admin@HOST:ssl/kata.crt", "."); exit != 0 {
		t.Errorf("exit %d, messages %q", exit, errs)
	}
	if served, err := pki.ParseCertificate([]byte(desk.Read("kata.crt"))); err != nil || pki.FingerprintOf(served.Raw) != status.Certificate.Fingerprint {
		t.Errorf("kata.crt is not the certificate in use: %v", err)
	}

	// The menu, as the shell.
	person, terminal := clitest.OpenTerminal(t)
	cmd := desk.Command("ssh", "-t")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	clitest.ReadUntil(t, person, "Program settings")
	if _, err := person.WriteString("q\r"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v, want exit code 0", err)
	}
}
