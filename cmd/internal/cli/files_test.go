package cli_test

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func reading(r io.Reader) *cobra.Command {
	cmd := &cobra.Command{}
	cmd.SetIn(r)
	return cmd
}

type entry struct {
	name, text string
	kind       byte
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Size: int64(len(e.text)), Mode: 0o644}
		if e.kind != tar.TypeReg {
			h.Size, h.Linkname = 0, "target"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if e.kind == tar.TypeReg {
			if _, err := io.WriteString(w, e.text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestOneFileArrivesAsItIs(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("long enough for an archive's mark ", 50)} {
		files, err := cli.ReadFiles(reading(strings.NewReader(text)), []string{"-"})
		if err != nil || len(files) != 1 || string(files[0].Data) != text {
			t.Errorf("%.10q...: %v, %v", text, files, err)
		}
	}
}

func TestAnArchiveArrivesAsItsFiles(t *testing.T) {
	in := archive(t, entry{"folder/", "", tar.TypeDir}, entry{"folder/a.pem", "A", tar.TypeReg}, entry{"../../etc/b.pem", "B", tar.TypeReg})
	files, err := cli.ReadFiles(reading(bytes.NewReader(in)), []string{"-"})
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for i, want := range []cli.File{{"a.pem", []byte("A")}, {"b.pem", []byte("B")}} {
		if got := files[i]; got.Name != want.Name || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("file %d is %q %q", i, got.Name, got.Data)
		}
	}
}

func TestBadArchivesAreRefused(t *testing.T) {
	whole := archive(t, entry{"a", strings.Repeat("x", 2000), tar.TypeReg}, entry{"b", "y", tar.TypeReg})
	many := make([]entry, cli.MaxFiles+1)
	for i := range many {
		many[i] = entry{"x", "", tar.TypeReg}
	}
	for name, in := range map[string][]byte{
		"cut inside of a file": whole[:1500],
		"cut inside of a head": whole[:512+2048+100],
		"a link":               archive(t, entry{"a", "", tar.TypeSymlink}),
		"a device":             archive(t, entry{"a", "", tar.TypeChar}),
		"nothing inside":       archive(t, entry{"folder/", "", tar.TypeDir}),
		"a huge file":          archive(t, entry{"a", strings.Repeat("x", cli.MaxFile+1), tar.TypeReg}),
		"too many files":       archive(t, many...),
	} {
		files, err := cli.ReadFiles(reading(bytes.NewReader(in)), []string{"-"})
		if acts.CodeOf(err) != acts.Invalid {
			t.Errorf("%s: %d files, %v; want a refusal", name, len(files), err)
		}
	}
}

func TestAFileThatIsTooLargeOrCutOffIsRefused(t *testing.T) {
	if _, err := cli.ReadFile(reading(strings.NewReader(strings.Repeat("x", cli.MaxFile+1))), "-"); acts.CodeOf(err) != acts.Invalid {
		t.Errorf("too large: %v", err)
	}
	cut := io.MultiReader(strings.NewReader("half"), cutOff{})
	if data, err := cli.ReadFile(reading(cut), "-"); err == nil {
		t.Errorf("half a file was taken: %q", data)
	}
}

type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestTheDaemonReadsNoFileOfItsOwn(t *testing.T) {
	for _, args := range [][]string{{"/etc/shadow"}, {"-", "-"}, {"-", "/etc/shadow"}} {
		if _, err := cli.ReadFiles(reading(strings.NewReader("x")), args); err == nil || cli.Report(io.Discard, "d", err) != cli.ExitUsage {
			t.Errorf("%q: %v, want a usage error", args, err)
		}
	}
	if _, err := cli.ReadFile(reading(strings.NewReader("x")), "/etc/shadow"); err == nil {
		t.Error("a path was taken")
	}
	if _, err := cli.ReadPassword(reading(strings.NewReader("x")), "/etc/shadow"); err == nil {
		t.Error("a path was taken for a password")
	}
}

func TestAPasswordIsOneLine(t *testing.T) {
	for in, want := range map[string]string{"secret": "secret", "secret\n": "secret", "secret\r\n": "secret", " a b \n": " a b "} {
		if got, err := cli.ReadPassword(reading(strings.NewReader(in)), "-"); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "\n", "a\nb\n", "a\x00b", strings.Repeat("x", 5000)} {
		_, err := cli.ReadPassword(reading(strings.NewReader(in)), "-")
		if acts.CodeOf(err) != acts.Invalid {
			t.Errorf("%.10q: %v, want a refusal", in, err)
		}
		if err != nil && len(in) > 3 && strings.Contains(err.Error(), "xxx") {
			t.Error("the error shows the password")
		}
	}
}
