package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

// engineSet is what looks at objects. The daemon's own engine always does.
type engineSet struct {
	name    string
	program string // that it needs, empty for the daemon's own
	// start makes the settings, and the process that has to be ended afterwards.
	start func(ctx context.Context, dir string) (settings string, p *process.Process, err error)
}

var engines = []engineSet{
	{name: "builtin", start: func(context.Context, string) (string, *process.Process, error) { return "", nil, nil }},
	{name: "clamd", program: "clamd", start: startClamd},
	{name: "yara", program: "yara", start: startYARA},
}

// engineNamed finds one of engines.
func engineNamed(name string) engineSet {
	for _, e := range engines {
		if e.name == name {
			return e
		}
	}
	return engineSet{name: name, program: name} // which is not there
}

func installed(program string) bool {
	if program == "" {
		return true
	}
	_, err := exec.LookPath(program)
	if err != nil {
		_, err = os.Stat(filepath.Join("/usr/sbin", program)) // which is not on everybody's PATH
	}
	return err == nil
}

// available lists the names of the engines that can be measured here.
func available() (names []string) {
	for _, e := range engines {
		if installed(e.program) {
			names = append(names, e.name)
		}
	}
	return names
}

// marker is what the rules of engines find. No object has it.
const marker = "a line that no object of the benchmarks has"

// startClamd runs a clamd of our own with one signature, set as the product's
// documentation asks for.
func startClamd(ctx context.Context, dir string) (_ string, _ *process.Process, err error) {
	db, socket := filepath.Join(dir, "db"), filepath.Join(dir, "clamd")
	config := filepath.Join(dir, "clamd.conf")
	user := ""
	if os.Geteuid() == 0 {
		user = "User root\n"
	}
	text := fmt.Sprintf("LocalSocket %s\nForeground yes\n%sDatabaseDirectory %s\nTemporaryDirectory %s\n"+
		"AlertExceedsMax yes\nAlertEncrypted yes\nMaxFileSize 100M\nMaxScanSize 100M\nStreamMaxLength 101M\nExtendedDetectionInfo yes\n", socket, user, db, dir)
	if err := errors.Join(os.Mkdir(db, 0o700),
		os.WriteFile(filepath.Join(db, "bench.ndb"), fmt.Appendf(nil, "Bench.Marker:0:*:%x\n", marker), 0o600),
		os.WriteFile(config, []byte(text), 0o600)); err != nil {
		return "", nil, err
	}
	program, err := exec.LookPath("clamd")
	if err != nil {
		program = "/usr/sbin/clamd"
	}
	var said strings.Builder
	cmd := exec.Command(program, "--config-file", config)
	cmd.Stdout, cmd.Stderr = &said, &said
	p, err := process.Start(cmd)
	if err != nil {
		return "", nil, err
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			return fmt.Sprintf("[scan.clamd]\naddress = %q\nmax_file_size = \"100MiB\"\n", "unix:"+socket), p, conn.Close()
		}
		select {
		case <-p.Done():
			return "", nil, fmt.Errorf("clamd ended:\n%s", &said)
		default:
		}
		if time.Now().After(deadline) {
			return "", nil, errors.Join(err, p.End())
		}
		if err := load.Pause(ctx, 20*time.Millisecond); err != nil {
			return "", nil, errors.Join(err, p.End())
		}
	}
}

// startYARA makes one rule; the daemon runs the program.
func startYARA(_ context.Context, dir string) (string, *process.Process, error) {
	rule := filepath.Join(dir, "bench.yar")
	text := fmt.Sprintf("rule BenchMarker { strings: $a = %q condition: $a }\n", marker)
	return fmt.Sprintf("[scan.yara]\nrules = [%q]\n", rule), nil, os.WriteFile(rule, []byte(text), 0o600)
}

// engineNode is a Central Node with an engine.
type engineNode struct {
	*node
	engine *process.Process // nil: it has none of its own
}

// startEngineNode runs one. The settings end in the table [scan].
func startEngineNode(ctx context.Context, c *certificates, o options, engine, scan string, systems ...int) (*engineNode, error) {
	dir, err := os.MkdirTemp(c.dir, "e")
	if err != nil {
		return nil, err
	}
	settings, p, err := engineNamed(engine).start(ctx, dir)
	if err != nil {
		return nil, err
	}
	n := &engineNode{engine: p}
	if n.node, err = startNode(ctx, c, o, scan+settings, systems...); err != nil {
		return nil, errors.Join(err, n.end())
	}
	return n, nil
}

// end ends what runs.
func (n *engineNode) end() error {
	var errs []error
	if n.node != nil {
		errs = append(errs, n.End())
	}
	if n.engine != nil {
		errs = append(errs, n.engine.End())
	}
	return errors.Join(errs...)
}
