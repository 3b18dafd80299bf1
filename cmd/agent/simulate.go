package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vedette/agent/policy"
	"vedette/agent/simulate"
	"vedette/cmd/internal/cli"
	"vedette/pki"
)

type simulateOptions struct {
	c            simulate.Config
	servers      string
	pinned       string
	folder       string
	pfx          string
	passwordFile string
	make         string
	acks         string
	verbose      bool
}

func newSimulateCmd() *cobra.Command {
	o := new(simulateOptions)
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Play many agents in one process and print a summary as JSON",
		Long: "Play many agents, each with an agent_id and queue of its own, and a certificate of its own or one for all.\n" +
			"The simulated hosts appear at the Central Node as simulated-00000 and so on.",
		Example: "  agent simulate --make-certificates certs -n 100\n" +
			"  agent simulate -n 100 --rate 10 --duration 30s --servers 192.0.2.10:443 --pinned-certificate server.crt --client-certificates certs\n" +
			"  agent simulate -n 10000 --idle --duration 60s --servers 192.0.2.10:443 --pinned-certificate server.crt",
		Args: cli.Args(0, 0),
	}
	f := cmd.Flags()
	f.IntVarP(&o.c.Agents, "agents", "n", 1, "how many `AGENTS`")
	f.Float64Var(&o.c.Rate, "rate", 1, "`EVENTS` a second of each agent; 0: as fast as they are acknowledged")
	f.IntVar(&o.c.EventsPerPackage, "events-per-package", 32, "`EVENTS` in each package")
	f.IntVar(&o.c.Packages, "packages", 0, "`PACKAGES` of each agent, then it ends; 0: no end")
	f.DurationVar(&o.c.Duration, "duration", 0, "how long; 0: until interrupted")
	f.DurationVar(&o.c.Timeout, "timeout", 10*time.Second, "of each answer")
	f.BoolVar(&o.c.Idle, "idle", false, "one Sync each, then keep the connection")
	f.BoolVar(&o.c.Compress, "compression", true, "compress packages (zstd)")
	f.IntVar(&o.c.Dials, "dials", 64, "`CONNECTIONS` that are being made at once")
	f.StringVar(&o.servers, "servers", "", "`ADDRESS:PORT[;ADDRESS:PORT...]`, agents are spread over them")
	f.StringVar(&o.pinned, "pinned-certificate", "", "`FILE` of the server certificate")
	f.StringVar(&o.folder, "client-certificates", "", "`FOLDER` with certificates and keys (*.pem), one for each agent")
	f.StringVar(&o.pfx, "client-certificate", "", "PFX `FILE`, one certificate for all agents")
	f.StringVar(&o.passwordFile, "client-password-file", "", "`FILE` with the password of the PFX")
	f.StringVar(&o.make, "make-certificates", "", "only write so many agent certificates with keys into this `FOLDER`")
	f.StringVar(&o.acks, "acks", "", "append a line to this `FILE` for each acknowledged package: agent, queue, seq, events")
	f.BoolVar(&o.verbose, "verbose", false, "log each fault")
	cmd.MarkFlagsMutuallyExclusive("client-certificates", "client-certificate")
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error { return o.run(cmd) })
	return cmd
}

func (o *simulateOptions) run(cmd *cobra.Command) error {
	if o.c.Agents < 1 {
		return cli.Usagef("--agents: at least 1")
	}
	if o.make != "" {
		return simulate.MakeIdentities(o.make, o.c.Agents, time.Now)
	}
	if o.servers == "" || o.pinned == "" {
		return cli.Usagef("--servers and --pinned-certificate are needed")
	}
	var err error
	if o.c.Servers, err = policy.ParseServers(strings.Split(o.servers, ";")); err != nil {
		return cli.Usagef("--servers: %v", err)
	}
	cert, err := policy.ReadCertificate(o.pinned)
	if err != nil {
		return fmt.Errorf("pinned certificate: %w", err)
	}
	o.c.Pin = pki.FingerprintOf(cert.Raw)
	if err := o.identities(); err != nil {
		return err
	}
	if o.acks != "" {
		acks, err := os.OpenFile(o.acks, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("open file for acknowledgements: %w", err)
		}
		defer acks.Close()
		o.c.Acks = acks
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	o.c.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	raiseFileLimit()
	o.c.Ready = func() { fmt.Fprintf(cmd.ErrOrStderr(), "all %d agents have had an answer\n", o.c.Agents) }
	s, err := simulate.Run(cmd.Context(), o.c)
	if err != nil {
		return err
	}
	return cli.WriteJSON(cmd.OutOrStdout(), s)
}

func (o *simulateOptions) identities() error {
	switch {
	case o.folder != "":
		var err error
		o.c.Identities, err = simulate.ReadIdentities(o.folder, time.Now())
		return err
	case o.pfx == "" && o.passwordFile != "":
		return cli.Usagef("--client-password-file belongs to --client-certificate")
	case o.pfx == "":
		return nil
	}
	data, err := os.ReadFile(o.pfx)
	if err != nil {
		return fmt.Errorf("client certificate: %w", err)
	}
	var password []byte
	if o.passwordFile != "" {
		if password, err = pki.ReadKeyFile(o.passwordFile); err != nil {
			return fmt.Errorf("client password: %w", err)
		}
	}
	pair, err := policy.DecodeClient(data, strings.TrimRight(string(password), "\r\n"))
	if err != nil {
		return errors.Join(fmt.Errorf("client certificate %s: %w", o.pfx, err))
	}
	o.c.Identities = []*pki.Pair{pair}
	return nil
}

// raiseFileLimit makes room for one connection per agent; what does not fit
// shows as faults.
func raiseFileLimit() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
	}
}
