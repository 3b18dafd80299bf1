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
		return nil, notStdin(arg)
	}
	return readBounded(cmd.InOrStdin(), "the file on standard input", MaxFile)
}

// ReadFiles reads the files that arrived as standard input: a tar archive, or
// one file as it is.
func ReadFiles(cmd *cobra.Command, args []string) ([]File, error) {
	if len(args) != 1 || args[0] != Stdin {
		return nil, notStdin(strings.Join(args, " "))
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
	if arg != Stdin {
		return "", notStdin(arg)
	}
	return passwordFrom(cmd.InOrStdin(), "standard input")
}

// ReadPasswordFile reads a password from a local file; - is standard input.
func ReadPasswordFile(cmd *cobra.Command, name string) (string, error) {
	if name == Stdin {
		return passwordFrom(cmd.InOrStdin(), "standard input")
	}
	f, err := openLocal(name)
	if err != nil {
		return "", localError(name, err)
	}
	defer f.Close()
	return passwordFrom(f, name)
}

// openLocal opens a file without waiting: a pipe that nobody writes to is
// empty, and not a command that hangs.
func openLocal(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func passwordFrom(r io.Reader, name string) (string, error) {
	data, err := readBounded(r, "the password in "+name, maxPassword)
	if err != nil {
		return "", err
	}
	defer clear(data)
	password := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case password == "":
		return "", &acts.Error{Code: acts.Invalid, Text: "the password in " + name + " is empty"}
	case strings.ContainsAny(password, "\r\n\x00"):
		return "", &acts.Error{Code: acts.Invalid, Text: name + " holds more than one line", Hint: "write the password alone into the file"}
	}
	return password, nil
}

func notStdin(arg string) error {
	return &Error{
		Exit: ExitUsage,
		Text: fmt.Sprintf("the daemon reads no file: %q", arg),
		Hint: "send the file as standard input and write - for its name",
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
