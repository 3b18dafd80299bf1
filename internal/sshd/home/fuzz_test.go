package home_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"vedette/internal/sshd/home"
)

// sound checks what no client may achieve.
func sound(t *testing.T, folder *memory, in []byte) {
	t.Helper()
	content, uploads := folder.content()
	if uploads > 0 && (len(content) == 0 || len(content) > home.MaxUpload || len(content) > len(in)) {
		t.Errorf("an upload of %d bytes out of %d", len(content), len(in))
	}
}

func FuzzSCP(f *testing.F) {
	for _, args := range []string{"-t .", "-t kata.pem", "-p -r -d -t ~", "-f ssl/kata.crt", "-pf ssl/kata.crt kata.pem", "-f --", "-tf x", "-Z"} {
		for _, in := range []string{
			"", "\x00", "\x00\x00\x00\x00", "C0600 5 kata.pem\nwhole\x00", "T1 0 1 0\nC0600 1 kata.pem\nx\x00E\n", "D0755 0 ssl\n",
			"\x01error\n\x02fatal\n", "C0600 99999 kata.pem\n", "C0600 5 kata.pem\nwhole\x01error\n",
		} {
			f.Add(args, []byte(in))
		}
	}
	f.Fuzz(func(t *testing.T, args string, in []byte) {
		folder := &memory{}
		got := scp(folder, args, string(in))
		sound(t, folder, in)
		if content, _ := folder.content(); !bytes.Contains(in, content) {
			t.Errorf("uploaded %q", content)
		}
		if got.exit < 0 || got.exit > 2 || len(got.output) > 2048*(len(in)+2) {
			t.Errorf("exit %d, %d bytes said", got.exit, len(got.output))
		}
	})
}

func FuzzSFTP(f *testing.F) {
	version := packet(fxpInit, uint32(3))
	open := packet(fxpOpen, uint32(1), "kata.pem", uint32(fxfWrite|fxfCreat|fxfTrunc), noAttrs)
	crt := packet(fxpOpen, uint32(1), "ssl/kata.crt", uint32(fxfRead), noAttrs)
	for _, packets := range [][][]byte{
		{version},
		{version, open, packet(fxpWrite, uint32(2), "1", 0, "whole"), packet(fxpClose, uint32(3), "1")},
		{open, packet(fxpWrite, uint32(2), "1", 65530, "whole"), packet(fxpFsetstat, uint32(3), "1", uint32(1), 5)},
		{crt, packet(fxpRead, uint32(2), "1", 0, uint32(1<<31)), packet(fxpFstat, uint32(3), "1"), packet(fxpReaddir, uint32(4), "1")},
		{packet(fxpOpendir, uint32(1), "."), packet(fxpReaddir, uint32(2), "1"), packet(fxpReaddir, uint32(3), "1"), packet(fxpRead, uint32(4), "1", 0, uint32(9))},
		{packet(fxpStat, uint32(256), "kata.pem"), packet(fxpLstat, uint32(2), "/"), packet(fxpRealpath, uint32(3), ".."), packet(fxpReadlink, uint32(4), "x")},
		{packet(fxpRename, uint32(1), "a", "b"), packet(fxpSymlink, uint32(2), "a", "b"), packet(fxpRemove, uint32(3), "kata.pem"), packet(fxpMkdir, uint32(4), "x", noAttrs)},
		{packet(fxpExtended, uint32(1), "posix-rename@openssh.com", "a", "b"), packet(fxpExtended, uint32(2), "statvfs@openssh.com", "/"), packet(fxpExtended, uint32(3), "x")},
		{open, open, open, open, open, open, open, open, open},
		{{0, 0, 0, 0}, {255, 255, 255, 255, 1}},
	} {
		f.Add(bytes.Join(packets, nil))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newSession(t, &memory{uploaded: earlier})
		go io.Copy(io.Discard, s.out)
		if _, err := s.in.Write(in); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		s.in.Close()
		<-s.ended
		sound(t, s.folder, in)
	})
}
