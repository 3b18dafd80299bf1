package cli

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
)

// Stdin stands for standard input in the place of a file's name.
const Stdin = "-"

// Bounds on files that travel.
const (
	// MaxFile is the most bytes of one file that are looked at. It is above
	// every limit of an act, so that the act can say which limit was passed.
	MaxFile = 256 << 10
	// MaxFiles is how many files one command takes.
	MaxFiles = 20_000
	// maxArchive bounds all files of one command together.
	maxArchive = 64 << 20
	// maxPassword bounds a password's file.
	maxPassword = 4 << 10
)

// File is a file with its name, which came from outside.
type File struct {
	Name string
	Data []byte
}

// ReadFile reads the one file that arrived as standard input.
func ReadFile(cmd *cobra.Command, arg string) ([]byte, error) {
	if arg != Stdin {
		return nil, notStdin(cmd, arg)
	}
	return readBounded(cmd.InOrStdin(), "the file on standard input", MaxFile)
}

// ReadFiles reads the files that arrived as standard input: a tar archive, or
// one file as it is.
func ReadFiles(cmd *cobra.Command, args []string) ([]File, error) {
	if len(args) != 1 || args[0] != Stdin {
		return nil, notStdin(cmd, strings.Join(args, " "))
	}
	in := bufio.NewReaderSize(cmd.InOrStdin(), 4<<10)
	if head, err := in.Peek(tarMagicAt + len(tarMagic)); err == nil && string(head[tarMagicAt:]) == tarMagic {
		return readArchive(in)
	}
	data, err := readBounded(in, "the file on standard input", MaxFile)
	if err != nil {
		return nil, err
	}
	return []File{{Name: "standard input", Data: data}}, nil
}

// ReadPassword reads a password that arrived as standard input: one line.
func ReadPassword(cmd *cobra.Command, arg string) (string, error) {
	passwords, err := readPasswords(cmd, arg, 1)
	if err != nil {
		return "", err
	}
	return passwords[0], nil
}

// readPasswords reads so many passwords that arrived as standard input, a line
// each.
func readPasswords(cmd *cobra.Command, arg string, count int) ([]string, error) {
	if arg != Stdin {
		return nil, notStdin(cmd, arg)
	}
	return passwordsFrom(cmd.InOrStdin(), "standard input", count)
}

// ReadPasswordFile reads a password from a local file; - is standard input.
func ReadPasswordFile(cmd *cobra.Command, name string) (string, error) {
	if name == Stdin {
		return ReadPassword(cmd, name)
	}
	f, err := openLocal(name)
	if err != nil {
		return "", localError(name, err)
	}
	defer f.Close()
	passwords, err := passwordsFrom(f, name, 1)
	if err != nil {
		return "", err
	}
	return passwords[0], nil
}

// openLocal opens a file without waiting: a pipe that nobody writes to is
// empty, and not a command that hangs.
func openLocal(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// passwordsFrom reads a file of so many lines, with or without the end of the
// last.
func passwordsFrom(r io.Reader, name string, count int) ([]string, error) {
	data, err := readBounded(r, "the password in "+name, maxPassword)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
		if strings.ContainsAny(lines[i], "\r\x00") {
			return nil, &acts.Error{Code: acts.Invalid, Text: "a password in " + name + " has characters that cannot be typed"}
		}
	}
	switch {
	case len(lines) > count && count == 1:
		return nil, &acts.Error{Code: acts.Invalid, Text: name + " holds more than one line", Hint: "write the password alone into the file"}
	case len(lines) != count:
		return nil, &acts.Error{Code: acts.Invalid, Text: fmt.Sprintf("%s holds %d lines and not %d", name, len(lines), count), Hint: "write a password on each line"}
	case slices.Contains(lines, ""):
		return nil, &acts.Error{Code: acts.Invalid, Text: "the password in " + name + " is empty"}
	}
	return lines, nil
}

// notStdin refuses a file that would have to be read where the daemon runs.
func notStdin(cmd *cobra.Command, arg string) error {
	command := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	return &Error{
		Exit: ExitUsage,
		Text: fmt.Sprintf("the daemon reads no file: %q", arg),
		Hint: fmt.Sprintf("write - for its name and send it as standard input: ssh ACCOUNT@SERVER %s ... - < FILE", command),
	}
}

func readBounded(r io.Reader, what string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		clear(data)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, &acts.Error{Code: acts.Failed, Text: what + " was cut off: nothing was changed", Err: err}
		}
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if int64(len(data)) > limit {
		clear(data)
		return nil, tooLarge(what, limit)
	}
	return data, nil
}

func tooLarge(what string, limit int64) error {
	return &acts.Error{Code: acts.Invalid, Text: fmt.Sprintf("%s has more than %d KiB", what, limit>>10)}
}

// The mark of a tar archive, old and new.
const (
	tarMagic   = "ustar"
	tarMagicAt = 257
)

func readArchive(r io.Reader) ([]File, error) {
	limited := &io.LimitedReader{R: r, N: maxArchive + 1}
	archive := tar.NewReader(limited)
	var files []File
	for {
		header, err := archive.Next()
		switch {
		case limited.N <= 0:
			return nil, tooLarge("the archive on standard input", maxArchive)
		case err == io.EOF:
			return checkArchive(files)
		case err != nil:
			return nil, badArchive(err)
		case header.Typeflag == tar.TypeDir:
			continue
		case header.Typeflag != tar.TypeReg:
			return nil, &acts.Error{Code: acts.Invalid, Text: fmt.Sprintf("%s in the archive is not a regular file", header.Name)}
		case len(files) == MaxFiles:
			return nil, &acts.Error{Code: acts.Invalid, Text: fmt.Sprintf("the archive holds more than %d files", MaxFiles)}
		}
		name := path.Base(path.Clean("/" + header.Name))
		data, err := readBounded(archive, name, MaxFile)
		if err != nil {
			if acts.CodeOf(err) == acts.Invalid {
				return nil, err
			}
			return nil, badArchive(err)
		}
		files = append(files, File{Name: name, Data: data})
	}
}

func checkArchive(files []File) ([]File, error) {
	if len(files) == 0 {
		return nil, &acts.Error{Code: acts.Invalid, Text: "the archive on standard input holds no file"}
	}
	return files, nil
}

func badArchive(err error) error {
	return &acts.Error{Code: acts.Invalid, Text: "the archive on standard input is damaged or was cut off: nothing was changed", Err: err}
}

// readLocal reads a file of the person who called the local binary.
func readLocal(name string, limit int64) ([]byte, error) {
	f, err := openLocal(name)
	if err != nil {
		return nil, localError(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, localError(name, err)
	}
	if info.IsDir() {
		return nil, &Error{Exit: ExitUsage, Text: name + " is a folder"}
	}
	return readBounded(f, name, limit)
}

func localError(name string, err error) error {
	var cause *os.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	e := &Error{Exit: ExitFailed, Text: fmt.Sprintf("read %s: %v", name, err), Err: err}
	if errors.Is(err, os.ErrNotExist) {
		e.Exit = ExitNotFound
	}
	return e
}

// packLocal reads local files into one tar archive.
func packLocal(names []string) ([]byte, error) {
	if len(names) > MaxFiles {
		return nil, Usagef("%d files are more than the %d that one command takes", len(names), MaxFiles)
	}
	var buf bytes.Buffer
	archive := tar.NewWriter(&buf)
	for _, name := range names {
		data, err := readLocal(name, MaxFile)
		if err != nil {
			return nil, err
		}
		err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: filepath.Base(name), Size: int64(len(data)), Mode: 0o600})
		if err == nil {
			_, err = archive.Write(data)
		}
		clear(data)
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
		if buf.Len() > maxArchive {
			return nil, tooLarge("all files together", maxArchive)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack the files: %w", err)
	}
	return buf.Bytes(), nil
}
