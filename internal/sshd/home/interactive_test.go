package home_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// eachInteractive runs a test with the clients that take commands.
func eachInteractive(t *testing.T, test func(t *testing.T, h *host, c client)) {
	each(t, func(t *testing.T, h *host, c client) {
		if c.do != nil {
			test(t, h, c)
		}
	})
}

func TestFoldersListWhatIsThere(t *testing.T) {
	eachInteractive(t, func(t *testing.T, h *host, c client) {
		long := map[string]string{"psftp": "ls", "lftp": "ls", "sftp -b": "ls -l"}[c.name]
		if got := c.do(h, long); got.exit != 0 || strings.Contains(got.output, "kata.pem") || !strings.Contains(got.output, " ssl") {
			t.Errorf("before an upload: exit %d\n%s", got.exit, got.output)
		}
		h.folder.put(earlier)
		got := c.do(h, long)
		for _, part := range []string{"-rw-------", " 7 Nov 20 09:30 kata.pem", "dr-xr-xr-x", " ssl"} {
			if got.exit != 0 || !strings.Contains(got.output, part) {
				t.Errorf("exit %d, want %q in:\n%s", got.exit, part, got.output)
			}
		}
		got = c.do(h, long+" ssl")
		for _, part := range []string{"-r--r--r--", " 59 Nov 20 08:30 ", "kata.crt"} {
			if got.exit != 0 || !strings.Contains(got.output, part) {
				t.Errorf("exit %d, want %q in:\n%s", got.exit, part, got.output)
			}
		}
	})
}

func TestHarmlessCommandsSucceed(t *testing.T) {
	eachInteractive(t, func(t *testing.T, h *host, c client) {
		h.folder.put(earlier)
		for _, command := range []string{"pwd", "cd ssl", "cd ..", "cd /", "cd ssl/..", "chmod 644 kata.pem", "chmod 777 ssl/kata.crt"} {
			if got := c.do(h, command); got.exit != 0 {
				t.Errorf("%s: exit %d\n%s", command, got.exit, got.output)
			}
		}
		if got := c.do(h, "rm kata.pem"); got.exit != 0 {
			t.Errorf("rm: exit %d\n%s", got.exit, got.output)
		}
		if content, _ := h.folder.content(); content != nil {
			t.Error("kata.pem was not removed")
		}
		if got := c.do(h, "rm kata.pem"); got.exit == 0 {
			t.Errorf("rm of what is not there: exit 0\n%s", got.output)
		}
	})
}

func TestCommandsThatChangeTheFolderAreRefused(t *testing.T) {
	eachInteractive(t, func(t *testing.T, h *host, c client) {
		h.folder.put(earlier)
		rename := map[string]string{"psftp": "mv", "lftp": "mv", "sftp -b": "rename"}[c.name]
		commands := map[string]string{
			rename + " kata.pem other.pem": "nothing can be renamed here",
			rename + " ssl/kata.crt x":     "nothing can be renamed here",
			"mkdir x":                      sayElsewhere,
			"mkdir ssl/x":                  sayElsewhere,
			"rmdir ssl":                    sayElsewhere,
			"rmdir x":                      sayElsewhere,
			"rm ssl/kata.crt":              sayReadOnly,
			"rm other":                     "", // sftp and psftp look first
			"chmod 777 ssl":                sayElsewhere,
			"cd /etc":                      sayElsewhere,
			"cd kata.pem":                  "",
		}
		if c.name != "psftp" { // which knows no links
			commands["ln -s /etc/passwd kata.pem"] = "there are no links here"
			commands["ln -s kata.pem x"] = "there are no links here"
		}
		if c.name == "sftp -b" {
			commands["ln ssl/kata.crt kata.pem"] = "there are no links here"
		}
		for command, say := range commands {
			refused(t, h, command, c.do(h, command), say)
		}
	})
}

func TestResumedUploadsAreRefused(t *testing.T) {
	eachInteractive(t, func(t *testing.T, h *host, c client) {
		h.folder.put(earlier)
		local := h.write("kata.pem", key)
		resume := map[string]string{
			"psftp": "reput " + local + " kata.pem", "lftp": "put -c " + local, "sftp -b": "reput " + local + " kata.pem",
		}[c.name]
		say := map[string]string{"sftp -b": "an upload cannot be resumed"}[c.name]
		if say == "" {
			say = "parts of the file are missing; send the whole kata.pem at once"
		}
		refused(t, h, resume, c.do(h, resume), say)
	})
}

func TestUploadsUnderATemporaryNameSayWhatToSwitchOff(t *testing.T) {
	h := newHost(t)
	h.folder.put(earlier)
	for _, c := range clients() {
		if c.name == "lftp" {
			local := h.write("kata.pem", key)
			refused(t, h, c.name, c.do(h, "set xfer:use-temp-file true; put "+local), sayTemporary)
		}
	}
}

func TestRecursiveDownloadGivesTheCertificate(t *testing.T) {
	eachInteractive(t, func(t *testing.T, h *host, c client) {
		command := map[string]string{"lftp": "mirror ssl got", "psftp": "get -r ssl got", "sftp -b": "get -r ssl got"}[c.name]
		if got := c.do(h, command); got.exit != 0 {
			t.Fatalf("exit %d\n%s", got.exit, got.output)
		}
		if read(t, filepath.Join(h.files, "got", "kata.crt")) != certificate {
			t.Error("another file")
		}
	})
}

func TestSFTPWorksAtAPrompt(t *testing.T) {
	h := newHost(t)
	local := h.write("kata.pem", key)
	out := filepath.Join(h.files, "out")
	got := h.run("put "+local+"\nls -l\nmkdir x\nget ssl/kata.crt "+out+"\nbye\n",
		"sftp", append(h.openSSH("-P", h.port), "admin@127.0.0.1")...)
	if got.exit != 0 || !strings.Contains(got.output, sayElsewhere) {
		t.Errorf("exit %d\n%s", got.exit, got.output)
	}
	if content, uploads := h.folder.content(); len(content) != len(key) || uploads != 1 {
		t.Errorf("%d bytes after %d uploads", len(content), uploads)
	}
	if read(t, out) != certificate {
		t.Error("another file")
	}
}

func TestAFarEndOfSCPWithoutADirectionIsExplained(t *testing.T) {
	h := newHost(t)
	for _, line := range []string{"scp", "scp -t", "scp -f", "scp kata.pem admin@sensor:", "scp -t -f kata.pem", "scp -x -t kata.pem"} {
		got := h.run("", "ssh", append(h.openSSH("-p", h.port, "admin@127.0.0.1"), line)...)
		if got.exit != 2 || !strings.Contains(got.output, "use scp -t PATH or scp -f PATH") {
			t.Errorf("%s: exit %d\n%s", line, got.exit, got.output)
		}
	}
}
