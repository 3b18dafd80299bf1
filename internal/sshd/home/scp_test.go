package home_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"vedette/internal/sshd/home"
)

// scp runs the far end of scp with arguments and what a client sends.
func scp(folder *memory, args, in string) result {
	var out, errs bytes.Buffer
	exit := home.ServeSCP(context.Background(), strings.Fields(args), strings.NewReader(in), &out, &errs, folder, slog.New(slog.DiscardHandler))
	return result{out.String() + errs.String(), exit}
}

const sayProtocol = "\x00\x02scp: protocol error\n"

func TestUploadsBySCP(t *testing.T) {
	const (
		denied = "\x01scp: permission denied: "
		kept   = "\x00\x00\x00"
	)
	for _, c := range []struct {
		name, args, in, out string
		exit                int
		kept                string // "": the earlier file
	}{
		{"into the folder", "-t .", "C0600 5 kata.pem\nwhole\x00", kept, 0, "whole"},
		{"all flags", "-r -p -v -q -d -t -- .", "C0600 5 kata.pem\nwhole\x00", kept, 0, "whole"},
		{"flags together", "-qprt .", "C0600 5 kata.pem\nwhole\x00", kept, 0, "whole"},
		{"to the file", "-t kata.pem", "C0644 5 mine.key\nwhole\x00", kept, 0, "whole"},
		{"with times", "-p -t .", "T1700000000 0 1700000001 999999\nC0600 5 kata.pem\nwhole\x00", "\x00\x00\x00\x00", 0, "whole"},
		{"twice", "-t .", "C0600 3 kata.pem\none\x00C0600 3 kata.pem\ntwo\x00", kept + "\x00\x00", 0, "two"},
		{"after a refusal", "-t .", "C0600 3 other\nC0600 3 kata.pem\ntwo\x00", "\x00" + denied + sayElsewhere + "\n\x00\x00", 1, "two"},
		{"nobody sends", "-t .", "", "\x00", 0, ""},
		{"another name", "-t .", "C0600 5 other\n", "\x00" + denied + sayElsewhere + "\n", 1, ""},
		{"another target", "-t other", "C0600 5 kata.pem\n", "\x00" + denied + sayElsewhere + "\n", 1, ""},
		{"the certificate's name", "-t ssl", "C0600 5 kata.crt\n", "\x00" + denied + "this is a folder; " + sayElsewhere + "\n", 1, ""},
		{"two targets", "-t kata pem", "C0600 5 kata.pem\n", "\x00\x01scp: there is more than one target; put a name with blanks into quotes\n", 1, ""},
		{"a file for a folder", "-d -t kata.pem", "C0600 5 kata.pem\n", "\x00" + denied + "kata.pem is not a folder; " + sayElsewhere + "\n", 1, ""},
		{"a folder", "-r -t .", "D0755 0 kata.pem\n", "\x00" + denied + "folders cannot be uploaded; " + sayElsewhere + "\n", 1, ""},
		{"nothing", "-t .", "C0600 0 kata.pem\n", "\x00\x01scp: the file is empty; nothing was kept\n", 1, ""},
		{"too much", "-t .", "C0600 65537 kata.pem\n", "\x00\x01scp: kata.pem may have 64 KiB at most; nothing was kept\n", 1, ""},
		{"far too much", "-t .", "C0600 9223372036854775807 kata.pem\n", "\x00\x01scp: kata.pem may have 64 KiB at most; nothing was kept\n", 1, ""},
		{"cut in the content", "-t .", "C0600 5 kata.pem\nwho", "\x00\x00", 1, ""},
		{"cut before its end", "-t .", "C0600 5 kata.pem\nwhole", "\x00\x00", 1, ""},
		{"the client could not read it", "-t .", "C0600 5 kata.pem\nwhole\x01scp: kata.pem: I/O error\n", "\x00\x00\x01scp: the file did not arrive whole; nothing was kept\n", 1, ""},
		{"the client gave up", "-t .", "C0600 5 kata.pem\nwhole\x02bye\n", "\x00\x00", 1, ""},
		{"an end that is none", "-t .", "C0600 5 kata.pem\nwholeX", "\x00" + sayProtocol, 1, ""},
		{"more than announced", "-t .", "C0600 5 kata.pem\nwhole and more\x00", "\x00" + sayProtocol, 1, ""},
		{"an error of the client", "-t .", "\x01scp: other: no such file\nC0600 3 kata.pem\ntwo\x00", kept, 1, "two"},
		{"a fatal error of the client", "-t .", "\x02bye\n", "\x00", 1, ""},
		{"an end of a folder", "-r -t .", "E\n", sayProtocol, 1, ""},
		{"no record", "-t .", "\x00", sayProtocol, 1, ""},
		{"half a record", "-t .", "C0600 5 kata", "\x00", 1, ""},
		{"a record without end", "-t .", "C" + strings.Repeat("0", 5000), sayProtocol, 1, ""},
		{"an error without end", "-t .", "\x01" + strings.Repeat("0", 5000), sayProtocol, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := &memory{uploaded: earlier}
			got := scp(folder, c.args, c.in)
			if got.output != c.out || got.exit != c.exit {
				t.Errorf("exit %d %q,\nwant %d %q", got.exit, got.output, c.exit, c.out)
			}
			want := c.kept
			if want == "" {
				want = string(earlier)
			}
			if content, uploads := folder.content(); string(content) != want || (uploads == 0) != (c.kept == "") {
				t.Errorf("%q after %d uploads", content, uploads)
			}
		})
	}
}

func TestMalformedRecordsEndSCP(t *testing.T) {
	for _, record := range []string{
		"C", "C0600", "C0600 5", "C0600  5 kata.pem", "C 0600 5 kata.pem", "C600 5 kata.pem", "C00600 5 kata.pem",
		"C0608 5 kata.pem", "C-600 5 kata.pem", "C0600 -5 kata.pem", "C0600 +5 kata.pem", "C0600 0x5 kata.pem",
		"C0600 5_0 kata.pem", "C0600 9223372036854775808 kata.pem", "C0600 99999999999999999999999 kata.pem",
		"C0600 5 ", "C0600 5 .", "C0600 5 ..", "C0600 5 /kata.pem", "C0600 5 ../kata.pem", "C0600 5 ssl/kata.crt",
		"C0600 5 ./kata.pem", "C0600 5 kata.pem/", "C0600 5 kata.pem\r", "C0600 5 kata.pem\x00", "C0600 5 \x1b[31mkata.pem",
		"D0755 0 ..", "D0755 x y", "T", "T1 2 3", "T1 2 3 4 5", "T1 0 -1 0", "T1 0 a 0", "T 1 0 1 0", "T1 0 1 99999999999999999999",
		"X", "c0600 5 kata.pem", " C0600 5 kata.pem", "\nC0600 5 kata.pem",
	} {
		folder := &memory{uploaded: earlier}
		got := scp(folder, "-t .", record+"\nwhole\x00")
		if got.exit != 1 || got.output != sayProtocol {
			t.Errorf("%q: exit %d %q", record, got.exit, got.output)
		}
		if content, uploads := folder.content(); !bytes.Equal(content, earlier) || uploads != 0 {
			t.Errorf("%q: %q after %d uploads", record, content, uploads)
		}
	}
}

func TestDownloadsBySCP(t *testing.T) {
	const sent = "C0444 59 kata.crt\n" + certificate + "\x00"
	for _, c := range []struct {
		name, args, in, out string
		exit                int
	}{
		{"the certificate", "-f ssl/kata.crt", "\x00\x00\x00", sent, 0},
		{"with times", "-p -f -- /ssl/kata.crt", "\x00\x00\x00\x00", "T1795163400 0 1795163400 0\n" + sent, 0},
		{"twice", "-f ssl/kata.crt ~/ssl/kata.crt", "\x00\x00\x00\x00\x00", sent + sent, 0},
		{"after a refusal", "-f other ssl/kata.crt", "\x00\x00\x00", "\x01scp: permission denied: " + sayElsewhere + "\n" + sent, 1},
		{"the upload", "-f kata.pem", "\x00", "\x01scp: permission denied: " + sayWriteOnly + "\n", 1},
		{"a folder", "-r -f ssl", "\x00", "\x01scp: permission denied: this is a folder; " + sayElsewhere + "\n", 1},
		{"the home folder", "-r -f .", "\x00", "\x01scp: permission denied: this is a folder; " + sayElsewhere + "\n", 1},
		{"a wildcard", "-f ssl/*", "\x00", "\x01scp: permission denied: " + sayElsewhere + "\n", 1},
		{"a client that is gone", "-f ssl/kata.crt", "", "", 1},
		{"a client that does not want it", "-f ssl/kata.crt", "\x00\x01no room\n", "C0444 59 kata.crt\n", 1},
		{"a client that gives up", "-f ssl/kata.crt", "\x00\x02no room\n", "C0444 59 kata.crt\n", 1},
		{"a client that could not write", "-f ssl/kata.crt", "\x00\x00\x01disk full\n", sent, 1},
		{"a client that speaks otherwise", "-f ssl/kata.crt", "\x00X", "C0444 59 kata.crt\n\x02scp: protocol error\n", 1},
		{"a client that never ends", "-f ssl/kata.crt", "\x01" + strings.Repeat("x", 5000), "\x02scp: protocol error\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := scp(&memory{uploaded: earlier}, c.args, c.in); got.output != c.out || got.exit != c.exit {
				t.Errorf("exit %d %q,\nwant %d %q", got.exit, got.output, c.exit, c.out)
			}
		})
	}
}

func TestAnUploadBySCPCutAnywhereIsNotKept(t *testing.T) {
	whole := "C0600 5 kata.pem\nwhole\x00"
	for end := range len(whole) {
		folder := &memory{uploaded: earlier}
		got := scp(folder, "-t .", whole[:end])
		if content, uploads := folder.content(); !bytes.Equal(content, earlier) || uploads != 0 {
			t.Errorf("cut at byte %d: %q after %d uploads", end, content, uploads)
		}
		if end > 0 && got.exit == 0 {
			t.Errorf("cut at byte %d: exit 0", end)
		}
	}
}

// broken is a client that does not read.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestSCPEndsWithItsClient(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, args := range [][]string{{"-t", "."}, {"-f", "ssl/kata.crt"}, {"-f", "other"}, {"-x"}} {
		exit := home.ServeSCP(context.Background(), args, strings.NewReader("\x00\x00\x00"), broken{}, broken{}, &memory{}, log)
		if exit == 0 {
			t.Errorf("%q: exit 0 for a client that is gone", args)
		}
	}
	in, feed := io.Pipe()
	feed.CloseWithError(errors.New("reset"))
	if exit := home.ServeSCP(context.Background(), []string{"-t", "."}, in, io.Discard, io.Discard, &memory{}, log); exit != 1 {
		t.Errorf("exit %d after a reset", exit)
	}
}
