package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"vedette/centralnode/gateway"
	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/scripts/bench/process"
)

// takePath takes a body, throws it away, and answers how long it was.
const takePath = "/take"

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
	cmd := exec.Command(self, centralCommand, c.dir)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", threads))
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
func (n *central) counts() (c counts, err error) {
	if _, err := io.WriteString(n.in, "counts\n"); err != nil {
		return c, err
	}
	if !n.out.Scan() {
		return c, errors.Join(errors.New("the Central Node does not answer"), n.out.Err())
	}
	return c, json.Unmarshal(n.out.Bytes(), &c)
}

// beCentral is the Central Node's process. It prints its address, then its
// counts for each line that it reads, until its input or the context ends.
func beCentral(ctx context.Context, dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, centralPair))
	if err != nil {
		return err
	}
	pair, _, err := pki.ParsePair(raw, time.Now())
	if err != nil {
		return err
	}
	listed, err := readCertificates(filepath.Join(dir, listedCerts))
	if err != nil {
		return err
	}
	g, err := gateway.New(gateway.Config{
		Address: "127.0.0.1:0", Certificate: pki.NewHolder(pair),
		Trust:  trust.NewSnapshot(trust.Lists{Revision: 1, Policy: 1, Validation: true, Listed: listed}),
		Limits: gateway.Limits{StrangersPerAddress: 4096},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})), Now: time.Now,
	})
	if err != nil {
		return err
	}
	var took taker
	g.Handle(trust.AgentService, takePath, &took)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fmt.Println(g.Address())
	go func() {
		defer stop()
		out := json.NewEncoder(os.Stdout)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			if out.Encode(counts{took.requests.Load(), took.bytes.Load()}) != nil {
				return
			}
		}
	}()
	return g.Run(ctx)
}

func readCertificates(path string) (out []pki.Fingerprint, err error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return out, nil
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, pki.FingerprintOf(c.Raw))
	}
}

// taker is the handler that all ways lead to.
type taker struct {
	requests, bytes atomic.Int64
	buffers         sync.Pool
}

func (t *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buffer, ok := t.buffers.Get().(*[32 << 10]byte)
	if !ok {
		buffer = new([32 << 10]byte)
	}
	defer t.buffers.Put(buffer)
	size := int64(0)
	for {
		n, err := r.Body.Read(buffer[:])
		size += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return // the agent hears nothing, and nothing is counted
		}
	}
	t.requests.Add(1)
	t.bytes.Add(size)
	w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprintf(w, "%-*d", smallBody, size) // whoever has left needs no answer
}
