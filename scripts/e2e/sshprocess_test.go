package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// canary is in names that clients choose, and that nothing on the server may
// take for its own: no file, no argument of a program.
const canary = "e2e-canary"

// watched are the system calls that a client must not bring about: those that
// start processes, and those that name files.
const watched = "execve,execveat,fork,vfork,clone,clone3,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2," +
	"unlink,unlinkat,symlink,symlinkat,link,linkat,chmod,fchmodat,truncate,stat,lstat,newfstatat,statx,readlink,readlinkat,access,faccessat2,chdir"

// traced starts a daemon with an SSH door whose system calls are written down,
// and gives the desk and the file.
func traced(t testing.TB, d *daemon, lines ...string) (k *desk, file string) {
	t.Helper()
	file = d.dir + "/trace"
	// With -D it is strace that stands aside, and the daemon is the test's child.
	d.inside = []string{"strace", "-D", "-f", "-qq", "--seccomp-bpf", "-s", "300", "-o", file, "-e", "trace=" + watched}
	return openDoor(d, lines...), file
}

var (
	startsProcess = regexp.MustCompile(`^\d+ +(execve|execveat|fork|vfork|clone|clone3)\(`)
	writesFile    = regexp.MustCompile(`^\d+ +(open|openat|openat2|creat|mkdir|mkdirat|rename|renameat|renameat2|unlink|unlinkat|symlink|symlinkat|link|linkat|chmod|fchmodat|truncate)\(.*`)
	named         = regexp.MustCompile(`"([^"]*)"`)
)

// holdsTrace checks what a daemon did from its start to its end.
func (k *desk) holdsTrace(file string) {
	k.t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		k.t.Fatal(err)
	}
	programs, threads, files := 0, 0, 0
	for line := range strings.Lines(string(raw)) {
		if strings.Contains(line, canary) {
			k.t.Errorf("a client's word reached the system: %s", line)
		}
		if startsProcess.MatchString(line) {
			switch {
			case strings.Contains(line, "execve") && programs == 0: // the daemon itself
				programs++
			case strings.Contains(line, "CLONE_THREAD"):
				threads++
			default:
				k.t.Errorf("the daemon starts a process: %s", line)
			}
			continue
		}
		if !writesFile.MatchString(line) || strings.Contains(line, "open") && !strings.Contains(line, "O_WRONLY") && !strings.Contains(line, "O_RDWR") && !strings.Contains(line, "O_CREAT") {
			continue
		}
		files++
		for _, name := range named.FindAllStringSubmatch(line, -1) {
			if !strings.HasPrefix(name[1], k.daemon.dir+"/") && !regexp.MustCompile(`^/proc/self/|^/dev/null$`).MatchString(name[1]) {
				k.t.Errorf("the daemon changes a file that is not its own: %s", line)
			}
		}
	}
	if programs != 1 || threads == 0 || files == 0 {
		k.t.Errorf("the trace has %d programs, %d threads, %d files of its own: it is not one", programs, threads, files)
	}
}

func TestNothingThatClientsDoStartsAProcess(t *testing.T) {
	for _, program := range []string{"sensor", "centralnode"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			k, file := traced(t, prepare(t, program, freePort(t), freePort(t)), unsafeSameServer)
			k.write("kata.pem", string(ownPair(t).EncodePEM()))
			k.write(canary+".pem", "x")
			for i, c := range copiers() {
				got := fmt.Sprintf("got%d", i)
				if o := c.put(k, "kata.pem", ""); o.code != 0 {
					t.Errorf("%s: upload: exit %d, %s", c.name, o.code, o.err)
				}
				if o := c.get(k, "ssl/kata.crt", got); o.code != 0 {
					t.Errorf("%s: download: exit %d, %s", c.name, o.code, o.err)
				}
				for _, remote := range []string{canary, "../" + canary, "/tmp/" + canary, "ssl/" + canary} {
					if o := c.put(k, "kata.pem", remote); o.code == 0 {
						t.Errorf("%s: upload to %s", c.name, remote)
					}
					if o := c.get(k, remote, got); o.code == 0 {
						t.Errorf("%s: download of %s", c.name, remote)
					}
				}
			}
			k.share()
			for _, line := range append(shellLines(), "sh -c 'touch "+canary+"'", "/bin/"+canary, "certificate upload /tmp/"+canary, "'$(touch /tmp/"+canary+")'", "status; touch /tmp/"+canary, "scp -S /tmp/"+canary+" -f /tmp/"+canary, "certificate download --out /tmp/"+canary) {
				if o := k.command(line); o.code == 0 {
					t.Errorf("%q: exit 0, %s", line, o.out)
				}
			}
			for _, line := range []string{"status", "certificate install --yes", "certificate generate --yes", "account list", "audit verify", "help"} {
				if o := k.command(line); o.code != 0 {
					t.Errorf("%q: exit %d, %s", line, o.code, o.err)
				}
			}
			k.shared = nil
			k.oddTerminals()
			k.stop()
			k.holdsTrace(file)
		})
	}
}

// oddTerminals opens the menu on terminals with names that some libraries would
// give to a program or join to a path.
func (k *desk) oddTerminals() {
	k.t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	for i, name := range []string{
		"-A/tmp/" + canary, "../../tmp/" + canary, "/tmp/" + canary, canary, "$(touch /tmp/" + canary + ")", "xterm;touch /tmp/" + canary, "`touch " + canary + "`", strings.Repeat(canary, 50), "dumb", "",
	} {
		all.Go(func() {
			out := fmt.Sprintf("menu%d", i)
			c := k.begin(out, append([]string{"env", "TERM=" + name, "COLUMNS=80", "LINES=24"}, k.line("ssh", "-tt", "-o", "SetEnv=LANG=C.UTF-8 TERMINFO=/tmp/"+canary, "admin@HOST")...))
			c.draws("Program settings")
			if i%2 == 0 {
				c.types("q")
				c.draws("Leave the administrator menu?")
				c.types("y\r")
				if code := c.ends(); code != 0 {
					k.t.Errorf("TERM=%q: the menu ends with %d", name, code)
				}
				return
			}
			c.types("2\r")
			c.draws("Manage server certificate")
			c.types("1\r")
			c.draws("Certificate management")
			c.kill() // the line is lost
		})
	}
}
