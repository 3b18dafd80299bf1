package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newStatusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the state of the Sensor",
		Example: "  sensor status\n  sensor status --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		s, err := c.admin.Status(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), s)
		}
		f := cli.NewFields(cmd.OutOrStdout())
		f.Add("Version", s.Version)
		f.Add("Started", cli.Time(s.Started))
		f.Add("Agents connect to", s.Address)
		cli.AddSSHDoor(f, s.SSH)
		f.Add("Server certificate", s.Certificate.Fingerprint.String(), "expires "+cli.Time(s.Certificate.NotAfter))
		if s.Link.Address == "" {
			f.Add("Central Node", string(s.Link.State))
		} else {
			f.Add("Central Node", s.Link.Address, string(s.Link.State)+" since "+cli.Time(s.Link.Since))
			f.Add("Link quality", qualityLines(s.Link.Quality)...)
		}
		f.Add("Link identity", s.Link.LinkIdentity.String())
		f.Add("Validate Endpoint Agent TLS certificates", policyText(s.Link))
		f.Add("Agents", agentsText(s.Link.Ingress))
		f.Add("Ingress", ingressLines(s.Link.Ingress)...)
		f.Add("State", fmt.Sprintf("store %s, revision %d", s.StoreID, s.Revision))
		f.Add("Problems", s.Problems...)
		return f.Flush()
	})
	return cli.Remote(cmd)
}

// qualityLines are the worst verdict, and the limits that it is about.
func qualityLines(q acts.LinkQuality) []string {
	if q.Verdict == "" {
		return []string{string(acts.VerdictUnknown)}
	}
	lines := []string{string(q.Verdict)}
	for _, j := range q.Worst() {
		if j.Verdict.Worse(acts.VerdictOK) {
			lines = append(lines, fmt.Sprintf("%s: %s", j.Limit, j.Stand()))
		}
	}
	return lines
}
