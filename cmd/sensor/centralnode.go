package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/pki"
)

// settleTime is how long `central-node set` waits for a first word of the
// Central Node.
const settleTime = 5 * time.Second

func (c commands) newCentralNodeShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the Central Node and how this Sensor stands with it",
		Example: "  sensor central-node show\n  sensor central-node show --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		n, err := c.admin.CentralNode(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		return writeCentralNode(cmd.OutOrStdout(), *format, n)
	})
	return cli.Remote(cmd)
}

func (c commands) newCentralNodeSetCmd() *cobra.Command {
	var in acts.SetCentralNode
	cmd := &cobra.Command{
		Use:   "set ADDRESS",
		Short: "Name the Central Node, compare its certificate, and ask it to accept this Sensor",
		Long: "Name the Central Node that this Sensor works for: a name, an IPv4 or an IPv6 address, and :port where it is not 443.\n" +
			"The certificate met there is shown to be compared with the one that the Central Node itself shows (centralnode certificate show);\n" +
			"exactly that one is accepted from then on. An administrator of the Central Node then accepts this Sensor.\n" +
			"A Sensor that was rejected asks again when the command is repeated.",
		Example: "  sensor central-node set central.example.org\n" +
			"  sensor central-node set 192.0.2.1:8443 --dry-run\n" +
			"  sensor central-node set '[2001:db8::1]:443' --yes --fingerprint $(cat central.fingerprint)",
		Args: cli.Args(1, 1),
	}
	cli.FingerprintFlag(cmd, &in.Fingerprint, "`FINGERPRINT` (SHA-256) of the certificate to accept, in any notation")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		in.Address = args[0]
		n, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) { return c.admin.PreviewSetCentralNode(cmd.Context(), c.who, in) },
			func(revision uint64) (acts.CentralNode, error) {
				in.Revision = revision
				return c.admin.SetCentralNode(cmd.Context(), c.who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeCentralNode(cmd.OutOrStdout(), *format, c.settled(cmd.Context(), n))
	})
	return cli.Remote(cmd)
}

// settled waits for a while until there is news of the Central Node that was
// just configured, and returns the newest.
func (c commands) settled(ctx context.Context, n acts.CentralNode) acts.CentralNode {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	// The act is done: what ends the watch is no fault of it.
	_ = cli.Live(ctx, c.draining, func(ctx context.Context) error {
		return c.admin.WatchLink(ctx, c.who, func(l acts.Link) bool {
			if l.Revision != n.Revision {
				return false // somebody else configured another one meanwhile
			}
			n = l.CentralNode
			// A link in the making has no next step for a person.
			return n.State == acts.LinkUnreachable && n.Next == ""
		})
	})
	return n
}

func writeCentralNode(w io.Writer, format cli.Format, n acts.CentralNode) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(w, n)
	}
	f := cli.NewFields(w)
	addCentralNode(f, n)
	f.Add("Revision", fmt.Sprint(n.Revision))
	return f.Flush()
}

func addCentralNode(f *cli.Fields, n acts.CentralNode) {
	if n.Address != "" {
		f.Add("Central Node", n.Address)
	}
	f.Add("State", string(n.State)+" since "+cli.Time(n.Since))
	addText(f, "Why", n.Detail)
	addText(f, "Next step", n.Next)
	addFingerprint(f, "Pinned certificate", n.Expected)
	addFingerprint(f, "Certificate met", n.Met)
	addFingerprint(f, "Link identity", n.LinkIdentity)
}

func addText(f *cli.Fields, name, text string) {
	if text != "" {
		f.Add(name, text)
	}
}

func addFingerprint(f *cli.Fields, name string, of pki.Fingerprint) {
	if !of.IsZero() {
		f.Add(name, of.String())
	}
}
