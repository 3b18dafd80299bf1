package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"vedette/pki"
	"vedette/scripts/bench/process"
)

// takePath takes a body, throws it away, and answers how long it was.
const takePath = "/take"

// givePath answers with giveSize bytes.
const (
	givePath = "/give"
	giveSize = 16 << 20
)

// counts is what the Central Node has taken so far.
type counts struct {
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes"`
}

// central is the Central Node of all subjects: its real rooms around one
// handler, in a process of its own.
type central struct {
	*process.Process
	address string // of its door at :443
	in      io.WriteCloser
	out     *bufio.Scanner
}

// centralCommand is the first argument of the process that is a Central Node.
const centralCommand = "central-node"

func startCentral(c *certificates) (*central, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(c.dir, "c")
	if err != nil {
		return nil, err
	}
	cmd := confine(self, centralCommand, c.dir, dir)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	n := &central{in: in, out: bufio.NewScanner(out)}
	if n.Process, err = process.Start(cmd); err != nil {
		return nil, err
	}
	if !n.out.Scan() {
		return nil, errors.Join(errors.New("the Central Node does not start"), n.out.Err(), n.End())
	}
	n.address = n.out.Text()
	return n, nil
}

// counts asks for what was taken.
func (n *central) counts() (c counts, err error) { return c, n.ask(&c, "counts") }

// accept has a Sensor accepted.
func (n *central) accept(sensor pki.Fingerprint) error {
	var done bool
	return n.ask(&done, "accept "+sensor.String())
}

func (n *central) ask(into any, line string) error {
	if _, err := io.WriteString(n.in, line+"\n"); err != nil {
		return err
	}
	if !n.out.Scan() {
		return errors.Join(fmt.Errorf("the Central Node does not answer %q", line), n.out.Err())
	}
	return json.Unmarshal(n.out.Bytes(), into)
}
