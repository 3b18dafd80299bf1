package home_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
)

// What refusals say.
const (
	sayElsewhere = "only kata.pem can be uploaded here, and ssl/kata.crt downloaded"
	sayWriteOnly = "kata.pem can be uploaded and removed, but not read back"
	sayReadOnly  = "ssl/kata.crt can be downloaded, but neither written nor removed"
	sayTemporary = "switch off temporary names for uploads"
	sayTooLarge  = "kata.pem may have 64 KiB at most"
	sayEmpty     = "the file is empty"
)

// earlier is the upload that has to survive what is refused.
var earlier = []byte("earlier")

// refused checks a refusal: an exit status, a sentence, and the earlier file.
func refused(t *testing.T, h *host, what string, got result, say string) {
	t.Helper()
	if got.exit == 0 || !strings.Contains(got.output, say) {
		t.Errorf("%s: exit %d, want %q in:\n%s", what, got.exit, say, got.output)
	}
	content, uploads := h.folder.content()
	if !bytes.Equal(content, earlier) || uploads != 0 {
		t.Fatalf("%s: %d bytes after %d uploads", what, len(content), uploads)
	}
}

func TestRefusedUploadsSayWhatMayBeDone(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		h.folder.put(earlier)
		pem, other := h.write("kata.pem", key), h.write("other.pem", key)
		big := h.write("big/kata.pem", bytes.Repeat([]byte("x"), 5<<20))
		above := h.write("above/kata.pem", make([]byte, 64<<10+1))
		for _, u := range []struct{ what, local, remote, say string }{
			{"another name", other, "", sayElsewhere},
			{"another target", pem, "other.pem", sayElsewhere},
			{"a temporary name", pem, "kata.pem.filepart", sayTemporary},
			{"a hidden temporary name", pem, ".kata.pem.in", sayTemporary},
			{"the folder of the certificate", pem, "ssl", sayElsewhere},
			{"into the folder of the certificate", pem, "ssl/", sayElsewhere},
			{"the certificate", pem, "ssl/kata.crt", sayReadOnly},
			{"an absolute path", pem, "/etc/kata.pem", sayElsewhere},
			{"a path upwards", pem, "../../etc/passwd", sayElsewhere},
			{"another home", pem, "/home/admin/kata.pem", sayElsewhere},
			{"a folder that is not there", pem, "x/kata.pem", sayElsewhere},
			{"more than 64 KiB", big, "", sayTooLarge},
			{"a byte more than 64 KiB", above, "", sayTooLarge},
			{"nothing", h.write("empty/kata.pem", nil), "", sayEmpty},
		} {
			refused(t, h, u.what, c.put(h, u.local, u.remote), u.say)
		}
		refused(t, h, "a folder", c.putFolder(h, filepath.Dir(big)), sayElsewhere)
	})
}

func TestUploadsToEveryFormOfTheNameWork(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		local := h.write("kata.pem", key)
		want := 0
		for _, remote := range []string{"", ".", "/", "kata.pem", "./kata.pem", "/kata.pem", "~/kata.pem", "//./kata.pem", "ssl/../kata.pem"} {
			if c.name == "psftp" && (remote == "." || remote == "/") || c.name == "lftp" && remote == "." {
				continue // taken for the name of a file by these programs
			}
			want++
			got := c.put(h, local, remote)
			if content, uploads := h.folder.content(); got.exit != 0 || uploads != want || !bytes.Equal(content, key) {
				t.Fatalf("%q: exit %d, %d bytes after %d uploads\n%s", remote, got.exit, len(content), uploads, got.output)
			}
		}
		// The target gives the name, whatever the local file is called.
		if got := c.put(h, h.write("mine.pem", earlier), "kata.pem"); got.exit != 0 {
			t.Errorf("exit %d: %s", got.exit, got.output)
		}
		if content, _ := h.folder.content(); !bytes.Equal(content, earlier) {
			t.Error("the target did not name the file")
		}
	})
}

func TestTheLargestUploadIsKept(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		whole := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
		if got := c.put(h, h.write("kata.pem", whole), ""); got.exit != 0 {
			t.Errorf("exit %d: %s", got.exit, got.output)
		}
		if content, _ := h.folder.content(); !bytes.Equal(content, whole) {
			t.Errorf("%d bytes were kept", len(content))
		}
	})
}

func TestRefusedDownloadsLeaveNothing(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		h.folder.put(earlier)
		out := filepath.Join(h.files, "out")
		for remote, say := range map[string]string{
			"kata.pem":              sayWriteOnly,
			"./kata.pem":            sayWriteOnly,
			"other":                 sayElsewhere,
			"ssl/kata.key":          sayElsewhere,
			"/etc/passwd":           sayElsewhere,
			"../../../etc/passwd":   sayElsewhere,
			"ssl/../../etc/passwd":  sayElsewhere,
			"ssl/kata.crt/passwd":   sayElsewhere,
			"/proc/self/environ":    sayElsewhere,
			"ssl\\kata.crt":         sayElsewhere,
			"~root/.ssh/authorized": "", // OpenSSH refuses by itself
		} {
			got := c.get(h, remote, out)
			refused(t, h, remote, got, say)
			if found, err := filepath.Glob(out + "*"); err != nil || len(found) > 0 {
				if content := read(t, found[0]); content != "" { // lftp and psftp make an empty file
					t.Errorf("%s left %q", remote, content)
				}
			}
		}
		if got := c.get(h, "ssl", out); got.exit == 0 {
			t.Errorf("a folder: exit 0\n%s", got.output)
		}
	})
}

func TestDownloadsOfEveryFormOfTheNameWork(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		for i, remote := range []string{"ssl/kata.crt", "./ssl/kata.crt", "/ssl/kata.crt", "~/ssl/kata.crt", "ssl//kata.crt"} {
			out := filepath.Join(h.files, fmt.Sprintf("out%d", i))
			if got := c.get(h, remote, out); got.exit != 0 {
				t.Fatalf("%q: exit %d\n%s", remote, got.exit, got.output)
			}
			if read(t, out) != certificate {
				t.Errorf("%q gave another file", remote)
			}
		}
	})
}

func TestTimesAndModesAreKeptByThoseWhoAsk(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		if !slices.Contains([]string{"scp", "scp -O", "pscp -scp", "pscp -sftp", "sftp -b"}, c.name) {
			return // has no such flag
		}
		if got := c.put(h, h.write("kata.pem", key), "", "-p"); got.exit != 0 {
			t.Errorf("exit %d: %s", got.exit, got.output)
		}
		out := filepath.Join(h.files, "out")
		if got := c.get(h, "ssl/kata.crt", out, "-p"); got.exit != 0 {
			t.Errorf("exit %d: %s", got.exit, got.output)
		}
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		if !info.ModTime().Equal(since) {
			t.Errorf("the certificate is of %s", info.ModTime())
		}
	})
}

func TestWildcardsOfSCPMatchNothing(t *testing.T) {
	for _, c := range []client{openSCP("scp -O", "-O"), puttySCP("pscp -scp", "-scp")} {
		h := newHost(t)
		h.folder.put(earlier)
		refused(t, h, c.name, c.get(h, "ssl/*", h.files), sayElsewhere)
	}
}

func TestANewlineInANameIsRefused(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		if c.do != nil {
			return // takes a line
		}
		h.folder.put(earlier)
		refused(t, h, "upload", c.put(h, h.write("kata.pem\nx", key), ""), "")
		refused(t, h, "upload", c.put(h, h.write("x\nkata.pem", key), ""), "")
		refused(t, h, "download", c.get(h, "ssl/kata.crt\n", filepath.Join(h.files, "out")), "")
	})
}

func TestErrorsOfTheFolderReachThePerson(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		h.folder.put(earlier)
		h.folder.breaks(&acts.Error{Code: acts.NotAllowed, Text: "role Viewer may not upload \x1b[31m", Hint: "ask an administrator"})
		say := `role Viewer may not upload \u{1b}[31m; ask an administrator`
		refused(t, h, "upload", c.put(h, h.write("kata.pem", key), "kata.pem"), say)
		refused(t, h, "download", c.get(h, "ssl/kata.crt", filepath.Join(h.files, "out")), say)
		h.folder.breaks(fmt.Errorf("bucket 7 is on fire"))
		got := c.put(h, h.write("kata.pem", key), "kata.pem")
		refused(t, h, "upload", got, "internal error")
		if strings.Contains(got.output, "bucket") {
			t.Errorf("a person hears of the inside: %s", got.output)
		}
	})
}
