package cli

import (
	"context"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// Menu is what the command menu acts upon. The local binary has only its shape
// and leaves all but Program empty.
type Menu struct {
	Program  string
	Who      acts.Actor
	Terminal *sshd.Terminal // of the person; nil: there is none
	// Open shows the menu to a person until it is left.
	Open func(ctx context.Context, who acts.Actor, s MenuScreen) error
}

// MenuScreen is what a menu is drawn on: it converts to adminmenu.Terminal, which
// this package does not know, because the agent's program uses it too.
type MenuScreen struct {
	Name        string
	Size        func() (columns, rows int)
	Resized     <-chan struct{}
	In          io.Reader
	Out         io.Writer
	ASCII, Mono bool
}

// Variables of a person's environment that say how a menu can look.
const (
	envNoColor = "NO_COLOR"      // not empty: without colour (no-color.org)
	envASCII   = "VEDETTE_ASCII" // not empty: no character beyond ASCII
)

// NewCmd makes `menu`.
func (m Menu) NewCmd() *cobra.Command {
	var ascii, mono bool
	cmd := &cobra.Command{
		Use:   "menu",
		Short: "Open the administrator menu",
		Long: "Open the administrator menu. It needs a terminal of at least 80 columns and 24 rows, and is what\n" +
			"administrators get who sign in with SSH. NO_COLOR stands for --mono, VEDETTE_ASCII for --ascii, and\n" +
			"so does a locale that is not UTF-8 (LC_ALL, LC_CTYPE, LANG).",
		Example: "  " + m.Program + " menu\n" +
			"  " + m.Program + " menu --ascii --mono",
		Args: Args(0, 0),
	}
	cmd.Flags().BoolVar(&ascii, "ascii", false, "borders of - | +, and no character beyond ASCII")
	cmd.Flags().BoolVar(&mono, "mono", false, "no colour")
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		t := m.Terminal
		if t == nil {
			return needsTerminal("ssh -t admin@SERVER menu; for single commands: ssh admin@SERVER help")
		}
		in, out := t.Raw()
		who := m.Who
		who.Face = acts.FaceMenu
		return m.Open(cmd.Context(), who, MenuScreen{
			Name: t.Name, Size: t.Size, Resized: t.Resized, In: in, Out: out,
			ASCII: ascii || t.Env[envASCII] != "" || !speaksUTF8(t.Env),
			Mono:  mono || t.Env[envNoColor] != "",
		})
	})
	return Remote(cmd, Draws)
}

// SSHPort is the port that clients have to name; empty: they need not.
func SSHPort(d acts.SSHDoor) string {
	_, port, err := net.SplitHostPort(d.Address)
	if err != nil || port == "22" {
		return ""
	}
	return port
}

func needsTerminal(hint string) error {
	return &Error{Exit: ExitUsage, Text: "the menu needs a terminal", Hint: hint}
}

// speaksUTF8 says whether a locale has UTF-8 for its characters. One that is
// not told is taken for a modern one; one that names no encoding is not.
func speaksUTF8(env map[string]string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // in the order of locale(7)
		locale := env[name]
		if locale == "" {
			continue
		}
		encoding, _, _ := strings.Cut(locale, "@")
		if _, named, ok := strings.Cut(encoding, "."); ok {
			encoding = named
		}
		encoding = strings.ToLower(encoding)
		return encoding == "utf-8" || encoding == "utf8" // the whole value on macOS
	}
	return true
}
