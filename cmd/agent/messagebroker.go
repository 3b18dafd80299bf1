package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vedette/agent/policy"
	"vedette/cmd/internal/cli"
)

// brokerFlags are the options of the documented command line, which stand at
// the root: agent --message-broker=enable --type=kata --servers=... .
type brokerFlags struct {
	act, kind, servers, tls, timeout, pinned, client, password, period, compression, proxy string

	// Of the documented command line, for a message broker with partitions.
	partitioning, messageKey, topic, partition string

	format *cli.Format // of show
}

// addMessageBroker lets the root perform the documented command line.
func addMessageBroker(root *cobra.Command, file *string) {
	b := new(brokerFlags)
	f := root.Flags()
	f.StringVar(&b.act, "message-broker", "", "`enable|disable|show` the integration with a Central Node")
	f.StringVar(&b.kind, "type", "kata", "of the integration: kata")
	f.StringVar(&b.servers, "servers", "", "`ADDRESS:PORT[;ADDRESS:PORT...]` of Central Node or Sensor, tried in this order")
	f.StringVar(&b.tls, "tls", "yes", "yes; connections without TLS are refused")
	f.StringVar(&b.timeout, "timeout", "", "`SECONDS` to wait for an answer (10)")
	f.StringVar(&b.pinned, "pinned-certificate", "", "`FILE` of the server certificate; replaces the one before; empty removes it")
	f.StringVar(&b.client, "client-certificate", "", "PFX `FILE` of the agent certificate; empty removes it")
	f.StringVar(&b.password, "client-password", "", "`PASSWORD` of the PFX; others on this host may see a command line: @FILE reads it from a file")
	f.StringVar(&b.period, "sync-period", "", "`MINUTES` between synchronisations, 1 to 60 (5)")
	f.StringVar(&b.compression, "compression", "", "`yes|no` compress packages (yes)")
	f.StringVar(&b.proxy, "use-proxy", "no", "no; proxies are not supported")
	f.StringVar(&b.partitioning, "partitioning-strategy", "automatic", "automatic; nothing is partitioned here")
	f.StringVar(&b.messageKey, "message-key", "", "not supported: nothing is partitioned here")
	f.StringVar(&b.topic, "topic", "", "not supported: nothing is partitioned here")
	f.StringVar(&b.partition, "partition", "", "not supported: nothing is partitioned here")
	b.format = cli.OutputFlag(root, cli.FormatTable, cli.FormatJSON)
	root.Example = "  agent --message-broker=enable --type=kata --servers=192.0.2.10:443 --tls=yes --pinned-certificate=kata.crt --client-certificate=agent.pfx\n" +
		"  agent --message-broker=show\n  agent status\n  agent doctor"
	group := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 || b.act == "" && !anyChanged(f) {
			return group(cmd, args)
		}
		return cli.Act(func(cmd *cobra.Command, _ []string) error { return b.run(cmd, *file) })(cmd, args)
	}
}

func anyChanged(f *pflag.FlagSet) (changed bool) {
	f.VisitAll(func(flag *pflag.Flag) {
		switch flag.Name {
		case "config", "state-dir", "policy", "help":
		default:
			changed = changed || flag.Changed
		}
	})
	return changed
}

func (b *brokerFlags) run(cmd *cobra.Command, file string) error {
	c, err := load(file, cmd.Flags())
	if err != nil {
		return err
	}
	if b.act == "show" {
		p, err := policy.Load(c.Files())
		if err != nil {
			return spread(err)
		}
		return showValues(cmd, *b.format, p.Values)
	}
	change, err := b.change(cmd)
	if err != nil {
		return err
	}
	p, err := policy.Apply(c.Files(), change)
	switch {
	case errors.Is(err, policy.ErrUnderPolicy):
		return &cli.Error{Exit: cli.ExitRefused, Text: err.Error(), Hint: "ask whoever manages the policy file " + c.PolicyFile, Err: err}
	case err != nil:
		return spread(err)
	}
	if b.password != "" && !strings.HasPrefix(b.password, "@") {
		fmt.Fprintln(cmd.ErrOrStderr(), "agent: warning: a password in a command line is visible to others on this host while the command runs and may stay in the shell's history; use --client-password=@FILE")
	}
	if p.Enabled && !p.UsePinned {
		fmt.Fprintln(cmd.ErrOrStderr(), "agent: warning: use_pinned_certificate is off: whoever answers is taken for the server")
	}
	_, err = fmt.Fprintln(cmd.ErrOrStderr(), "settings written; a running agent follows within seconds")
	return err
}

// change turns flags into a change; what was not given stays as it is.
func (b *brokerFlags) change(cmd *cobra.Command) (policy.Change, error) {
	var c policy.Change
	f := cmd.Flags()
	given := func(name string) bool { return f.Changed(name) }
	switch b.act {
	case "enable", "disable":
		on := b.act == "enable"
		c.Enabled = &on
	case "":
		return c, cli.Usagef("--message-broker=enable, disable or show is needed")
	default:
		return c, cli.Usagef("--message-broker=%s: use enable, disable or show", b.act)
	}
	if b.kind != "kata" {
		return c, cli.Usagef("--type=%s: only kata is known", b.kind)
	}
	if tls, err := yesNo("tls", b.tls); err != nil {
		return c, err
	} else if !tls {
		return c, &cli.Error{Exit: cli.ExitRefused, Text: "--tls=no: without TLS nobody knows who the server is and everybody on the way reads the events", Hint: "leave --tls out: it is on"}
	}
	if proxy, err := yesNo("use-proxy", b.proxy); err != nil {
		return c, err
	} else if proxy {
		return c, &cli.Error{Exit: cli.ExitRefused, Text: "--use-proxy=yes: connections through a proxy are not supported", Hint: "let the agent connect to a Sensor instead, which can stand in between"}
	}
	if b.partitioning != "automatic" {
		return c, noPartitions("partitioning-strategy", b.partitioning)
	}
	for name, value := range map[string]string{"message-key": b.messageKey, "topic": b.topic, "partition": b.partition} {
		if given(name) {
			return c, noPartitions(name, value)
		}
	}
	if given("servers") {
		list := strings.Split(strings.TrimSuffix(b.servers, ";"), ";")
		if _, err := policy.ParseServers(list); err != nil {
			return c, cli.Usagef("--servers: %v", err)
		}
		c.Servers = &list
	}
	if given("compression") {
		on, err := yesNo("compression", b.compression)
		if err != nil {
			return c, err
		}
		c.Compression = &on
	}
	var err error
	if c.Timeout, err = duration(given, "timeout", b.timeout, time.Second, time.Second, policy.MaxTimeout); err != nil {
		return c, err
	}
	if c.SyncPeriod, err = duration(given, "sync-period", b.period, time.Minute, policy.MinSyncPeriod, policy.MaxSyncPeriod); err != nil {
		return c, err
	}
	if given("pinned-certificate") {
		c.PinnedCertificate = &b.pinned
	}
	if given("client-certificate") {
		c.ClientCertificate = &b.client
	}
	if given("client-password") {
		password := b.password
		if name, isFile := strings.CutPrefix(password, "@"); isFile {
			if password, err = cli.ReadPasswordFile(cmd, name); err != nil {
				return c, fmt.Errorf("--client-password: %w", err)
			}
		}
		c.ClientPassword = &password
	}
	return c, nil
}

func yesNo(name, value string) (bool, error) {
	switch value {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	return false, cli.Usagef("--%s=%s: use yes or no", name, value)
}

func duration(given func(string) bool, name, text string, unit, least, most time.Duration) (*time.Duration, error) {
	if !given(name) {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	d := time.Duration(n) * unit
	if err != nil || d < least || d > most {
		return nil, cli.Usagef("--%s=%s: use a number from %d to %d", name, text, least/unit, most/unit)
	}
	return &d, nil
}

// noPartitions refuses what chooses a partition of a message broker.
func noPartitions(name, value string) error {
	return &cli.Error{
		Exit: cli.ExitRefused, Text: fmt.Sprintf("--%s=%s: events of an agent stay in their order, nothing is partitioned", name, value),
		Hint: "leave it out, or use --partitioning-strategy=automatic",
	}
}
