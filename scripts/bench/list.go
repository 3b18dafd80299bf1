package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vedette/pki"
	"vedette/scripts/bench/daemon"
)

const (
	listed     = 15_000 // agent certificates, one for each agent of the documented most
	listUpload = 1000   // of these in one upload
)

// list measures what a list of agent certificates costs the Central Node and the
// Sensors, which know it too, and how long a command takes that puts one more
// on it. The command is at its end when all Sensors have the new list. What
// comes after finds the list, and daemons that have done nothing yet.
func (b *bench) list(ctx context.Context, n *node, s scaled) error {
	var memory [2][2]float64 // before and with the list, KiB
	look := func(into *[2]float64) error {
		if err := n.afresh(ctx); err != nil {
			return err
		}
		for i, daemons := range [][]*daemon.Daemon{{n.Daemon}, n.sensors} {
			w, err := watchEmpty("", daemons...)
			if err != nil {
				return err
			}
			into[i] = w.empty
		}
		return nil
	}
	if err := look(&memory[0]); err != nil {
		return err
	}
	for from := 0; from < listed; from += listUpload {
		if _, err := b.upload(n, from, listUpload); err != nil {
			return err
		}
	}
	one, err := b.upload(n, listed, 1)
	if err != nil {
		return err
	}
	if err := look(&memory[1]); err != nil {
		return err
	}
	for i, name := range []string{"Central Node", "all Sensors"} {
		b.report("scale", s.what(fmt.Sprintf("%s, memory for %d certificates on the list", name, listed)), (memory[1][i]-memory[0][i])/1024, "MiB", "")
	}
	b.report("scale", s.what(fmt.Sprintf("one more certificate on a list of %d, at all Sensors after", listed)), float64(one.Microseconds())/1e3, "ms", "")
	return nil
}

// upload puts new certificates on the list, and says how long the command took.
func (b *bench) upload(n *node, from, count int) (took time.Duration, err error) {
	line := []string{"agent-certificate", "upload"}
	for i := range count {
		pair, err := pki.GenerateAgent(pki.AgentOptions{Name: fmt.Sprintf("host-%05d.example", from+i)})
		if err != nil {
			return 0, err
		}
		path := filepath.Join(b.dir, fmt.Sprintf("%d.pem", i))
		if err := os.WriteFile(path, pair.EncodePEM(), 0o600); err != nil {
			return 0, err
		}
		line = append(line, path)
	}
	began := time.Now()
	err = n.Command(nil, line...)
	return time.Since(began), err
}
