package site

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

// TakePath takes a body, throws it away, and answers how long it was.
const TakePath = "/take"

// GivePath answers with giveSize bytes.
const (
	GivePath = "/give"
	giveSize = 16 << 20
)

// Counts is what the Central Node has taken so far.
type Counts struct {
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes"`
	// Arrived is bytes of bodies, also of those that have not ended.
	Arrived int64 `json:"arrived"`
}

// Central is the Central Node of all subjects: its real rooms around one
// handler, in a process of its own.
type Central struct {
	*process.Process
	Address string // of its door at :443
	in      io.WriteCloser
	out     *bufio.Scanner
}

// CentralCommand is the first argument of the process that is a Central Node.
const CentralCommand = "central-node"

// StartCentral runs this program again as the Central Node: with CentralCommand
// and three arguments more for BeCentral.
func StartCentral(c *Certificates, at Place) (*Central, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(c.dir, "c")
	if err != nil {
		return nil, err
	}
	cmd := at.Command(self, CentralCommand, c.dir, dir, at.Host)
	cmd.Stderr = os.Stderr
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	n := &Central{in: in, out: bufio.NewScanner(out)}
	if n.Process, err = process.Start(cmd); err != nil {
		return nil, err
	}
	if !n.out.Scan() {
		return nil, errors.Join(errors.New("the Central Node does not start"), n.out.Err(), n.End())
	}
	n.Address = n.out.Text()
	return n, nil
}

// Counts asks for what was taken.
func (n *Central) Counts() (c Counts, err error) { return c, n.ask(&c, "counts") }

// Accept has a Sensor accepted.
func (n *Central) Accept(sensor pki.Fingerprint) error {
	var done bool
	return n.ask(&done, "accept "+sensor.String())
}

func (n *Central) ask(into any, line string) error {
	if _, err := io.WriteString(n.in, line+"\n"); err != nil {
		return err
	}
	if !n.out.Scan() {
		return errors.Join(fmt.Errorf("the Central Node does not answer %q", line), n.out.Err())
	}
	return json.Unmarshal(n.out.Bytes(), into)
}
