package home_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/sshd/home"
)

// oddPaths are more than 500 paths that lead, or try to, out of the home
// folder or around its two names.
func oddPaths() []string {
	var paths []string
	for _, prefix := range []string{
		"", "/", "./", "../", "../../../", "~/", "//", "ssl/", "/ssl/", "ssl/../", "/etc/", "/home/admin/", "~root/",
		"\\", "C:\\", "file:///", "%2e%2e/", "..\\", "/proc/self/cwd/", "./././/", "~/~/", "kata.pem/../",
	} {
		for _, name := range []string{
			"kata.pem", "kata.crt", "ssl/kata.crt", "KATA.PEM", "kata.pem.", "kata.pem ", " kata.pem", "kata.pem\x00", "kata.pem\x00.crt",
			"kata.pem\n", "kata.pem/", "kata.pem/.", "kata.pem/..", "kata.key", "passwd", "ssl", "", "..", ".", "*", "kata.*", "ssl/*",
			"$(id)", "`id`", "~", "-rf", "k\u0430ta.pem", "kata.pem\xff", "kata\u202e.pem", strings.Repeat("a/", 3000), "ssl/kata.crt/../../kata.pem",
		} {
			paths = append(paths, prefix+name)
		}
	}
	return paths
}

// meant says by other means than the package what a path names: "" is the home
// folder.
func meant(path string) string {
	var stack []string
	for element := range strings.SplitSeq(path, "/") {
		switch element {
		case "", ".":
		case "..":
			stack = stack[:max(len(stack)-1, 0)]
		default:
			stack = append(stack, element)
		}
	}
	for len(stack) > 0 && stack[0] == "~" {
		stack = stack[1:]
	}
	return strings.Join(stack, "/")
}

// tree is everything below a folder: names, modes, times and contents.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime())
		if d.Type().IsRegular() {
			b.WriteString(read(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// decoys makes the two names real in the process's working folder, and checks
// at the end that nobody touched them.
func decoys(t *testing.T) {
	t.Helper()
	root := t.TempDir()
	inside := filepath.Join(root, "a", "b")
	for _, path := range []string{"kata.pem", "ssl/kata.crt", "ssl/kata.key", "~/kata.pem"} {
		path = filepath.Join(inside, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("of the host"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := tree(t, root)
	t.Chdir(inside)
	t.Cleanup(func() {
		if after := tree(t, root); after != before {
			t.Errorf("the host's files changed:\n%s\nwere:\n%s", after, before)
		}
	})
}

func TestOddPathsBySFTP(t *testing.T) {
	decoys(t)
	paths := oddPaths()
	if len(paths) < 500 {
		t.Fatalf("%d paths", len(paths))
	}
	s := newSession(t, &memory{})
	for i, path := range paths {
		s.folder.put(earlier)
		if len(path) > 4096 {
			s.want(fxDenied, fxpOpen, path, uint32(fxfWrite), noAttrs)
			s.want(fxDenied, fxpStat, path)
			continue
		}
		name := meant(path)
		allowed := func(kind, wanted byte, may bool, fields ...any) []byte {
			t.Helper()
			got, rest := s.ask(kind, fields...)
			ok := got == wanted && (got != fxpStatus || rest[3] == fxOK)
			if ok != may {
				t.Fatalf("request %d for %q: answer %d %q", kind, path, got, rest)
			}
			if !ok && rest[3] != fxDenied && rest[3] != fxFailure {
				t.Fatalf("request %d for %q: status %d", kind, path, rest[3])
			}
			return rest
		}
		if rest := allowed(fxpOpen, fxpHandle, name == "kata.pem", path, uint32(fxfWrite|fxfCreat), noAttrs); name == "kata.pem" {
			s.ask(fxpClose, string(rest[4:]))
		}
		if rest := allowed(fxpOpen, fxpHandle, name == "ssl/kata.crt", path, uint32(fxfRead), noAttrs); name == "ssl/kata.crt" {
			handle := string(rest[4:])
			if _, content := s.ask(fxpRead, handle, 0, uint32(999)); string(content[4:]) != certificate {
				t.Errorf("%q gave %q", path, content)
			}
			s.ask(fxpClose, handle)
		}
		if rest := allowed(fxpOpendir, fxpHandle, name == "" || name == "ssl", path); name == "" || name == "ssl" {
			s.ask(fxpClose, string(rest[4:]))
		}
		known := slices.Contains([]string{"", "ssl", "kata.pem", "ssl/kata.crt"}, name)
		allowed(fxpStat, fxpAttrs, known, path)
		allowed(fxpLstat, fxpAttrs, known, path)
		allowed(fxpSetstat, fxpStatus, name == "kata.pem" || name == "ssl/kata.crt", path, uint32(4), uint32(0o777))
		other := paths[(i*7+3)%len(paths)]
		for _, kind := range []byte{fxpRename, fxpSymlink} {
			allowed(kind, fxpStatus, false, path, other)
			allowed(kind, fxpStatus, false, other, path)
		}
		allowed(fxpMkdir, fxpStatus, false, path, noAttrs)
		allowed(fxpRmdir, fxpStatus, false, path)
		allowed(fxpReadlink, fxpName, false, path)
		if content, uploads := s.folder.content(); !bytes.Equal(content, earlier) || uploads != 0 {
			t.Fatalf("%q: %q after %d uploads", path, content, uploads)
		}
		allowed(fxpRemove, fxpStatus, name == "kata.pem", path)
		if content, _ := s.folder.content(); (content == nil) != (name == "kata.pem") {
			t.Fatalf("removing %q left %q", path, content)
		}
	}
}

func TestOddPathsBySCP(t *testing.T) {
	decoys(t)
	run := func(in string, args ...string) (string, int, *memory) {
		var out bytes.Buffer
		folder := &memory{uploaded: earlier}
		exit := home.ServeSCP(context.Background(), args, strings.NewReader(in), &out, &out, folder, slog.New(slog.DiscardHandler))
		return out.String(), exit, folder
	}
	for _, path := range oddPaths() {
		name := meant(path)
		if len(path) > 4096 {
			name = "too long"
		}
		_, exit, folder := run("C0600 5 kata.pem\nwhole\x00", "-t", "--", path)
		may := name == "" || name == "kata.pem"
		if content, _ := folder.content(); (exit == 0) != may || (string(content) == "whole") != may {
			t.Errorf("scp -t %q: exit %d, %q", path, exit, content)
		}
		out, exit, folder := run("\x00\x00\x00", "-f", "--", path)
		may = name == "ssl/kata.crt"
		if (exit == 0) != may || strings.Contains(out, certificate) != may {
			t.Errorf("scp -f %q: exit %d %q", path, exit, out)
		}
		if content, _ := folder.content(); !bytes.Equal(content, earlier) {
			t.Errorf("scp -f %q left %q", path, content)
		}
		_, exit, folder = run("C0600 5 "+path+"\nwhole\x00", "-t", ".")
		may = path == "kata.pem"
		if content, _ := folder.content(); (exit == 0) != may || (string(content) == "whole") != may {
			t.Errorf("name %q: exit %d, %q", path, exit, content)
		}
	}
}

// plain are the paths that the commands of every program can carry.
var plain = regexp.MustCompile(`^[A-Za-z0-9./~]{1,200}$`)

func TestOddPathsByPrograms(t *testing.T) {
	decoys(t)
	h := newHost(t)
	local := h.write("local.pem", key)
	h.folder.put(earlier)
	var openSSH, putty strings.Builder
	sent := 0
	for _, path := range oddPaths() {
		if name := meant(path); !plain.MatchString(path) || name == "kata.pem" || name == "ssl/kata.crt" {
			continue
		}
		sent++
		for _, command := range []string{"put " + local + " " + path, "get " + path + " out", "rm " + path, "mkdir " + path} {
			if strings.HasPrefix(command, "rm") && strings.HasSuffix(path, "ssl") {
				continue // sftp removes what is in a folder
			}
			fmt.Fprintf(&openSSH, "-%s\n", command)
			fmt.Fprintln(&putty, command)
		}
	}
	if sent < 100 {
		t.Fatalf("%d paths", sent)
	}
	h.run("", "sftp", append(h.openSSH("-P", h.port, "-b", h.write("openssh", []byte(openSSH.String()))), "admin@127.0.0.1")...)
	h.run("", "psftp", append(h.putty("-be", "-b", h.write("putty", []byte(putty.String()))), "admin@127.0.0.1")...)
	if content, uploads := h.folder.content(); !bytes.Equal(content, earlier) || uploads != 0 {
		t.Errorf("%d bytes after %d uploads", len(content), uploads)
	}
}
