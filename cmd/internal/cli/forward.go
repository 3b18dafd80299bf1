package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// maxPreview bounds the answer to --dry-run, and the JSON that --out takes
// apart, in bytes.
const maxPreview = 4 << 20

// Forwarder carries commands from the local binary to the daemon.
type Forwarder struct {
	Program string
	// Socket finds the daemon's socket when it is needed.
	Socket func() (string, error)
	// Terminal is where a person can be asked; nil: nowhere.
	Terminal *Terminal
	// Screen is where a command can draw; nil: nowhere.
	Screen *Screen
	// OutIsTerminal says that standard output is one.
	OutIsTerminal bool
}

// Attach makes every command of the tree that is marked Remote travel.
func (f *Forwarder) Attach(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		f.Attach(cmd)
	}
	if root.Annotations[markRemote] != "" {
		root.RunE = Act(f.forward)
	}
}

// journey is one command on its way.
type journey struct {
	f      *Forwarder
	cmd    *cobra.Command
	argv   []string
	stdin  func() io.Reader // nil: the command reads nothing
	client *sshd.Client
}

func (f *Forwarder) forward(cmd *cobra.Command, args []string) error {
	j := &journey{f: f, cmd: cmd}
	if err := j.pack(args); err != nil {
		return err
	}
	if cmd.Annotations[markDraws] != "" {
		return j.draw(cmd.Context())
	}
	out, err := j.openOut()
	if err != nil {
		return err
	}
	if err := j.travel(out); err != nil {
		if out != nil {
			err = errors.Join(err, out.discard())
		}
		return err
	}
	if out == nil {
		return nil
	}
	if err := out.commit(); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "written to %s\n", out.path)
	return nil
}

func (j *journey) travel(out *outFile) error {
	socket, err := j.f.Socket()
	if err != nil {
		return err
	}
	ctx := j.cmd.Context()
	j.client, err = sshd.Dial(ctx, socket)
	if err != nil {
		return connectError(j.f.Program, socket, err)
	}
	defer j.client.Close()
	if err := j.ask(ctx); err != nil {
		return err
	}
	switch {
	case out == nil:
		return j.run(ctx, j.argv, j.cmd.OutOrStdout())
	case j.value("output") == string(FormatJSON):
		return j.runForField(ctx, out)
	}
	return j.run(ctx, j.argv, out)
}

// run runs one command line; the daemon's error is told already.
func (j *journey) run(ctx context.Context, argv []string, out io.Writer) error {
	streams := sshd.Streams{Out: out, Err: j.cmd.ErrOrStderr()}
	if j.stdin != nil {
		streams.In = j.stdin()
	}
	return ended(j.client.Run(ctx, argv, streams))
}

// ended says how a command ended that the daemon ran.
func ended(exit int, err error) error {
	var syntax *sshd.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &Error{Exit: ExitUsage, Text: syntax.Error(), Hint: "use several commands"}
	case errors.Is(err, context.Canceled):
		return &Error{Exit: ExitInterrupted, Err: err}
	case errors.Is(err, sshd.ErrLost):
		return &Error{
			Exit: ExitCannotConnect, Err: err,
			Text: "the connection to the daemon was lost; the command may or may not have been done",
			Hint: "look at the daemon's log, and at what the command would have changed",
		}
	case err != nil:
		return err
	case exit != ExitOK:
		return &Error{Exit: exit}
	}
	return nil
}

// runForField runs a command whose JSON holds the data of --out.
func (j *journey) runForField(ctx context.Context, out *outFile) error {
	answer := &boundedBuffer{limit: maxPreview}
	if err := j.run(ctx, j.argv, answer); err != nil {
		return err
	}
	defer clear(answer.buf.Bytes())
	var object map[string]json.RawMessage
	if err := json.Unmarshal(answer.buf.Bytes(), &object); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	name, encoding, _ := strings.Cut(j.cmd.Annotations[markField], ":")
	var text string
	if err := json.Unmarshal(object[name], &text); err != nil {
		return fmt.Errorf("read %s in the daemon's answer: %w", name, err)
	}
	data := []byte(text)
	if encoding == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(text); err != nil {
			return fmt.Errorf("read %s in the daemon's answer: %w", name, err)
		}
	}
	defer clear(data)
	if _, err := out.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", out.path, err)
	}
	delete(object, name)
	return WriteJSON(j.cmd.OutOrStdout(), object)
}

// ask shows the preview of an act that asks and gets an answer, when there is
// somebody to answer; otherwise the daemon refuses by itself.
func (j *journey) ask(ctx context.Context) error {
	flags := j.cmd.Flags()
	if flags.Lookup(flagYes) == nil || flags.Changed(flagYes) || flags.Changed(flagDryRun) || j.f.Terminal == nil {
		return nil
	}
	answer := &boundedBuffer{limit: maxPreview}
	// Flags of a line count the last time they are given, and "--" may follow.
	if err := j.run(ctx, j.with("--dry-run", "--output=json"), answer); err != nil {
		return err
	}
	var preview acts.Preview
	if err := json.Unmarshal(answer.buf.Bytes(), &preview); err != nil {
		return fmt.Errorf("read the daemon's preview: %w", err)
	}
	if preview.Asks {
		PrintPreview(j.f.Terminal.Out, preview)
		yes, err := j.f.Terminal.confirm(ctx, "Continue?")
		if errors.Is(err, context.Canceled) {
			return &Error{Exit: ExitInterrupted, Text: "nothing was changed", Err: err}
		}
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if !yes {
			return &Error{Exit: ExitRefused, Text: "nothing was changed"}
		}
	}
	extra := []string{"--yes"}
	if !flags.Changed(flagRevision) {
		extra = append(extra, "--revision="+strconv.FormatUint(preview.Revision, 10))
	}
	if comparing(j.cmd, preview) {
		extra = append(extra, "--"+flagFingerprint+"="+preview.Fingerprint.String())
	}
	j.argv = j.with(extra...)
	return nil
}

// with returns the command line with further flags, which stand before its
// arguments and after its own flags.
func (j *journey) with(flags ...string) []string {
	for i, arg := range j.argv {
		if arg == "--" {
			return append(append(append([]string(nil), j.argv[:i]...), flags...), j.argv[i:]...)
		}
	}
	return append(append([]string(nil), j.argv...), flags...)
}

func (j *journey) value(flag string) string {
	if f := j.cmd.Flags().Lookup(flag); f != nil {
		return f.Value.String()
	}
	return ""
}

// openOut begins the file of --out. Nil is standard output, which must not be
// a terminal for data that are no text.
func (j *journey) openOut() (*outFile, error) {
	name := j.value("out")
	if j.value(flagDryRun) == "true" {
		return nil, nil // a preview is for reading
	}
	if name != "" && name != Stdin {
		return createOut(name, j.value("force") == "true")
	}
	if j.cmd.Annotations[markBinary] != "" && j.f.OutIsTerminal && name == "" && j.value("output") == string(FormatTable) {
		return nil, &Error{Exit: ExitUsage, Text: "the data are not for a terminal", Hint: "name a file with --out FILE, or redirect the output"}
	}
	return nil, nil
}

// pack makes the command line and the standard input that travel.
func (j *journey) pack(args []string) error {
	j.argv = strings.Fields(j.cmd.CommandPath())[1:]
	var err error
	j.cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Annotations[markLocal] != nil || err != nil {
			return
		}
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if flag.Annotations[markFile] != nil {
			values[0], err = j.packFile(values[0], maxPassword)
		}
		for _, value := range values {
			j.argv = append(j.argv, "--"+flag.Name+"="+value)
		}
	})
	if err != nil {
		return err
	}
	if args, err = j.packArguments(args); err != nil {
		return err
	}
	if len(args) > 0 {
		j.argv = append(append(j.argv, "--"), args...)
	}
	return nil
}

func (j *journey) packArguments(args []string) ([]string, error) {
	kind := j.cmd.Annotations[markFiles]
	switch {
	case kind == "" || len(args) == 0:
		return args, nil
	case len(args) == 1 && (kind == "one" || args[0] == Stdin):
		name, err := j.packFile(args[0], MaxFile)
		return []string{name}, err
	case kind == "last":
		name, err := j.packFile(args[len(args)-1], MaxFile)
		return append(args[:len(args)-1:len(args)-1], name), err
	}
	for _, arg := range args {
		if arg == Stdin {
			return nil, Usagef("standard input (-) cannot be mixed with other files")
		}
	}
	archive, err := packLocal(args)
	if err != nil {
		return nil, err
	}
	j.stdin = func() io.Reader { return bytes.NewReader(archive) }
	return []string{Stdin}, nil
}

// packFile makes a local file the standard input, and returns the name it has
// for the daemon.
func (j *journey) packFile(name string, limit int64) (string, error) {
	if j.stdin != nil {
		return "", Usagef("only one file can travel with this command")
	}
	if name == Stdin {
		in := j.cmd.InOrStdin()
		j.stdin = func() io.Reader { return in }
		if file, ok := in.(*os.File); ok && j.f.Terminal != nil && IsTerminal(file) {
			return "", &Error{Exit: ExitUsage, Text: "standard input is a terminal", Hint: "name a file, or redirect one: < FILE"}
		}
		return name, nil
	}
	data, err := readLocal(name, limit)
	if err != nil {
		return "", err
	}
	j.stdin = func() io.Reader { return bytes.NewReader(data) }
	return Stdin, nil
}

// boundedBuffer keeps an answer up to a limit.
type boundedBuffer struct {
	buf   bytes.Buffer
	limit int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > b.limit {
		return 0, fmt.Errorf("the daemon's answer has more than %d KiB", b.limit>>10)
	}
	return b.buf.Write(p)
}
