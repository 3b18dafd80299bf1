package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demonstration is one that runs.
type demonstration struct {
	t             *testing.T
	tree, printed string // a folder, and the file with what is printed
	cmd           *exec.Cmd
	done          chan error
}

// newDemonstration begins one in a tree whose path has a space. It ends by itself
// after so many seconds; without them it waits for Ctrl-C.
func newDemonstration(t *testing.T, seconds string) *demonstration {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "a tree")
	if err := os.MkdirAll(filepath.Join(tree, "scripts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(bin, filepath.Join(tree, "bin")); err != nil {
		t.Fatal(err)
	}
	for file, name := range map[string]string{"../../README.md": "README.md", "../need.sh": "scripts/need.sh"} {
		from, err := filepath.Abs(file)
		if err == nil {
			err = os.Symlink(from, filepath.Join(tree, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("../demo.sh")
	if err != nil {
		t.Fatal(err)
	}
	demo := filepath.Join(tree, "scripts", "demo.sh")
	if err := os.WriteFile(demo, script, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), busy*3*time.Minute)
	cmd := exec.CommandContext(ctx, "bash", demo)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(os.Environ(), "DEMO_SECONDS="+seconds, "DEMO_ADDRESS="+freePort(t), "DEMO_LOCAL_ADDRESS="+freePort(t),
		"DEMO_SENSOR_ADDRESS="+freePort(t), "DEMO_SENSOR_LOCAL_ADDRESS="+freePort(t),
		"DEMO_WEB_ADDRESS="+freePort(t), "DEMO_SSH_ADDRESS="+freePort(t), "DEMO_SENSOR_SSH_ADDRESS="+freePort(t))
	printed := filepath.Join(tree, "printed")
	out, err := os.Create(printed)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	d := &demonstration{t, tree, printed, cmd, make(chan error, 1)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); d.done <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return d
}

func (d *demonstration) ready() bool {
	_, err := os.Stat(filepath.Join(d.tree, "demo", "ready"))
	return err == nil
}

// says is what it has printed so far.
func (d *demonstration) says() string {
	d.t.Helper()
	text, err := os.ReadFile(d.printed)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// ends waits for its end, which leaves nothing behind.
func (d *demonstration) ends() {
	d.t.Helper()
	if err := <-d.done; err != nil {
		d.t.Fatalf("the demo ended with %v:\n%s", err, d.says())
	}
	for _, program := range []string{"centralnode", "sensor"} {
		after := command(d.t, filepath.Join(bin, program), "--config", filepath.Join(d.tree, "demo", program+".toml"), "status")
		if d.ready() || after.code != 5 {
			d.t.Fatalf("something of the demo is left: %s exits with %d, %s", program, after.code, after.out)
		}
	}
}

// TestDemoShowsEventsAndEndsWhatItStarted uses what the demonstration prints, and
// the variables that it leaves for scripts, and then ends it.
func TestDemoShowsEventsAndEndsWhatItStarted(t *testing.T) {
	d := newDemonstration(t, "")
	tree, printed := d.tree, d.printed
	eventually(t, time.Minute, "demo/ready", d.ready)
	used := command(t, "bash", "-c", `. "$0" && "$CN_BIN" --config "$CN_CONFIG" host list --output json && "$SENSOR_BIN" --config "$SENSOR_CONFIG" link status && "$AGENT_BIN" --config "$AGENT_CONFIG" status`,
		filepath.Join(tree, "demo", "env"))
	if used.code != 0 || !strings.Contains(used.out, `"certificate"`) {
		t.Errorf("demo/env: exit code %d, %s%s", used.code, used.out, used.err)
	}
	// The variables sign in to the web interface, and nothing more is asked for.
	web := command(t, "bash", "-c", `. "$0" && cd "$(dirname "$0")" && page() { curl -sS --fail --cacert centralnode.crt --cookie jar --cookie-jar jar "$@"; } &&
		page --output sign-in.html "https://$CN_WEB_ADDRESS/sign-in" && page --location --data-urlencode "name=$WEB_USER" --data-urlencode "password=$WEB_PASSWORD" "https://$CN_WEB_ADDRESS/sign-in"`,
		filepath.Join(tree, "demo", "env"))
	if web.code != 0 || !strings.Contains(web.out, "<h1>Dashboard</h1>") {
		t.Errorf("the web interface of demo/env: exit code %d, %s%s", web.code, web.out, web.err)
	}
	eventually(t, 10*time.Second, "all is printed", func() bool { return strings.Contains(d.says(), "Ctrl-C ends the demo") })
	pasted(t, tree, printed)
	pastedForSystems(t, tree, printed)
	eventually(t, 30*time.Second, "a process start is printed", func() bool { return strings.Contains(d.says(), "process-start") })
	// As Ctrl-C, which a program in the background does not hear.
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	d.ends()
	text := d.says()
	for _, line := range []string{
		"demo branch (", `"code":"pending"`, `{"scans":[{"scanId":"README.md","state":"not detected"},{"scanId":"eicar.com","state":"detect"}]}`, "EICAR-Test-File",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the demo does not show %s:\n%s", line, text)
		}
	}
}

// TestDemoEndsByItself gives it a second to show something.
func TestDemoEndsByItself(t *testing.T) {
	d := newDemonstration(t, "1")
	d.ends()
	if text := d.says(); !strings.Contains(text, "Ctrl-C ends the demo") {
		t.Errorf("it ended before its end:\n%s", text)
	}
}

// sshLine is a printed line that a person pastes.
var sshLine = regexp.MustCompile(`(?m)^(?: {4}|.*: +)((?:ssh -p|scp -P|openssl) .+)$`)

// pasted pastes the printed lines of SSH at another terminal, where the host
// keys are met for the first time and the password is the printed one.
func pasted(t *testing.T, tree, printed string) {
	t.Helper()
	text, err := os.ReadFile(printed)
	if err != nil {
		t.Fatal(err)
	}
	_, password, _ := strings.Cut(string(text), "(password ")
	password, _, _ = strings.Cut(password, ")")
	desk := t.TempDir()
	// Not the person's own known_hosts; nothing else is put into the lines.
	config := filepath.Join(desk, "config")
	if err := os.WriteFile(config, []byte("UserKnownHostsFile "+filepath.Join(desk, "known_hosts")+"\nIdentityFile none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := filepath.Join(desk, "askpass")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\ncase $1 in *yes/no*) echo yes ;; *) echo '"+password+"' ;; esac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	const functions = `cd "$0"; ssh() { command ssh -F config "$@"; }; scp() { command scp -F config "$@"; }; `
	const quiet = `export SSH_ASKPASS="$0/askpass" SSH_ASKPASS_REQUIRE=force SSH_AUTH_SOCK=; ` + functions
	sensor := func(command string) string {
		return byVariables(t, tree, `"$SENSOR_BIN" --config "$SENSOR_CONFIG" `+command)
	}
	menus, others := 0, 0
	for _, found := range sshLine.FindAllStringSubmatch(string(text), -1) {
		line := found[1]
		if strings.HasPrefix(line, "ssh ") && len(strings.Fields(line)) == 4 { // no command: the menu
			menus++
			w := newTerminal(t, "bash", "-c", functions+line, desk)
			w.until("a question of ssh", func(screen string) bool {
				return strings.Contains(screen, "(yes/no") || strings.Contains(screen, "password:") || strings.Contains(screen, "Password:")
			})
			if strings.Contains(w.screen(), "(yes/no") {
				w.write("yes")
				w.press("Enter")
			}
			w.until("the password is asked for", func(screen string) bool { return strings.Contains(strings.ToLower(screen), "password:") })
			w.write(password)
			w.press("Enter")
			w.expect("Administrator menu", "Program settings")
			w.hangUp()
			continue
		}
		others++
		if o := command(t, "bash", "-c", quiet+line, desk); o.code != 0 || strings.HasSuffix(line, " status") && !strings.Contains(o.out, "Administrators connect to") {
			t.Errorf("%s\nexit %d\n%s%s", line, o.code, o.out, o.err)
		}
	}
	if menus != 2 || others != 4 {
		t.Errorf("%d menus and %d other lines are printed:\n%s", menus, others, text)
	}
	crt, err := os.ReadFile(filepath.Join(desk, "kata.crt"))
	if err != nil || string(crt) != sensor("certificate download") {
		t.Errorf("kata.crt is %q, %v", crt, err)
	}
	if shown := sensor("certificate show"); !strings.Contains(shown, "kata.pem:") || strings.Contains(shown, "cannot be installed") {
		t.Errorf("the upload is shown as\n%s", shown)
	}
	// Scripts have the same in variables.
	o := command(t, "bash", "-c", `. "$1"; `+quiet+`ssh -p "${CN_SSH_ADDRESS##*:}" "admin@${CN_SSH_ADDRESS%:*}" version && ssh -p "${SENSOR_SSH_ADDRESS##*:}" "admin@${SENSOR_SSH_ADDRESS%:*}" version && [ "$ADMIN_PASSWORD" = "$2" ]`,
		desk, filepath.Join(tree, "demo", "env"), password)
	if o.code != 0 || !strings.Contains(o.out, "centralnode ") || !strings.Contains(o.out, "sensor ") {
		t.Errorf("by the variables: exit %d\n%s%s", o.code, o.out, o.err)
	}
}

// systemLine is a printed line of the external system, or about it.
var systemLine = regexp.MustCompile(`(?m)^ {4}((?:api=|curl |bin/centralnode .* external-system ).+)$`)

// pastedForSystems pastes the printed lines of the external system, and the first
// of them again at the end, as the demonstration says.
func pastedForSystems(t *testing.T, tree, printed string) {
	t.Helper()
	text, err := os.ReadFile(printed)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("cd \"$0\" && echo object >FILE\n")
	lines := systemLine.FindAllStringSubmatch(string(text), -1)
	if len(lines) != 4 {
		t.Fatalf("%d lines are printed for external systems:\n%s", len(lines), text)
	}
	for _, line := range append(lines, lines[1]) {
		// The question of a command is answered here; nobody sits at a terminal.
		script.WriteString(strings.Replace(line[1], "external-system delete ", "external-system delete --yes ", 1) + " && echo\n")
	}
	o := command(t, "bash", "-c", script.String(), tree)
	said := strings.Split(strings.TrimSpace(o.out), "\n")
	if o.code != 0 || said[0] != "OK" || !strings.Contains(o.out, `{"scanId":"1","state":"`) ||
		!strings.Contains(o.out, "demo-store") || !strings.Contains(said[len(said)-1], `"code":"pending"`) {
		t.Errorf("exit %d\n%s%s", o.code, o.out, o.err)
	}
}

// byVariables gives a command line that uses the variables of demo/env.
func byVariables(t *testing.T, tree, line string) string {
	t.Helper()
	o := command(t, "bash", "-c", `. "$0"; `+line, filepath.Join(tree, "demo", "env"))
	if o.code != 0 {
		t.Errorf("%s: exit %d\n%s", line, o.code, o.err)
	}
	return o.out
}
