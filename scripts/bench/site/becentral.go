package site

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
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/centralnode/gateway"
	"vedette/centralnode/sensors"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/audit"
	"vedette/internal/kv"
	"vedette/internal/machine"
	"vedette/pki"
	"vedette/proto/link"
)

// rooms are those of a Central Node that carry agents. What they carry ends in
// a taker instead of the agent service.
type rooms struct {
	gateway *gateway.Gateway
	sensors *sensors.Room
	took    taker
}

// BeCentral is the Central Node's process, on a free port of host. It prints its address, then an
// answer to each line that it reads, until its input or the context ends.
func BeCentral(ctx context.Context, certs, dir, host string) (err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	state, err := kv.Open(filepath.Join(dir, "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations(), Now: time.Now, Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	r, err := newRooms(ctx, certs, host, state, log)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fmt.Println(r.gateway.Address())
	go func() { // ends with the process at the latest
		defer stop()
		out := json.NewEncoder(os.Stdout)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			answer, err := r.obey(ctx, in.Text())
			if err != nil {
				fmt.Fprintln(os.Stderr, "central-node:", err)
				return
			}
			if out.Encode(answer) != nil {
				return
			}
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.gateway.Run(ctx) })
	group.Go(func() error { return r.sensors.Run(ctx) })
	return group.Wait()
}

func newRooms(ctx context.Context, certs, host string, state *kv.Store, log *slog.Logger) (*rooms, error) {
	raw, err := os.ReadFile(filepath.Join(certs, centralPair))
	if err != nil {
		return nil, err
	}
	pair, _, err := pki.ParsePair(raw, time.Now())
	if err != nil {
		return nil, err
	}
	listed, err := readCertificates(filepath.Join(certs, listedCerts))
	if err != nil {
		return nil, err
	}
	here, err := machine.Here()
	if err != nil {
		return nil, err
	}
	r := &rooms{}
	r.gateway, err = gateway.New(gateway.Config{
		Address: net.JoinHostPort(host, "0"), Certificate: pki.NewHolder(pair), Protocols: []string{link.ALPN},
		Trust: trust.NewSnapshot(trust.Lists{Revision: 1, Policy: 1, Validation: true, Listed: listed}), Logger: log, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	r.sensors, err = sensors.New(ctx, sensors.Config{
		Door: sensorDoor{r.gateway}, Store: store.New(state), Trail: audit.New(state, time.Now), StoreID: state.ID(),
		Server: here, UnsafeSameServer: true, Logger: log, Now: time.Now,
	})
	if err != nil {
		return nil, errors.Join(err, r.gateway.Close())
	}
	r.gateway.Speak(link.ALPN, r.sensors.Take)
	r.gateway.Handle(trust.AgentService, TakePath, &r.took)
	r.gateway.Handle(trust.AgentService, GivePath, http.HandlerFunc(give))
	return r, nil
}

// obey does what a line of the parent says.
func (r *rooms) obey(ctx context.Context, line string) (any, error) {
	verb, of, _ := strings.Cut(line, " ")
	switch verb {
	case "counts":
		return Counts{r.took.requests.Load(), r.took.bytes.Load(), r.took.arrived.Load()}, nil
	case "accept":
		id, err := pki.ParseFingerprint(of)
		if err != nil {
			return nil, err
		}
		_, err = r.gateway.Change(ctx, trust.Scope{Sensors: []pki.Fingerprint{id}}, func() (*trust.Snapshot, error) {
			now := r.gateway.Trust()
			return now.WithSensor(id, trust.Accepted).At(now.Revision+1, false), nil
		})
		r.sensors.Decided(id)
		return true, err
	}
	return nil, fmt.Errorf("there is no %q", line)
}

// sensorDoor gives the room of Sensors its streams a place at the gateway.
type sensorDoor struct{ *gateway.Gateway }

// Carry makes a caller of a stream.
func (d sensorDoor) Carry(s *link.Stream, c trust.Caller, cut link.Code) { d.Gateway.Carry(s, c, cut) }

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
	requests, bytes, arrived atomic.Int64
	buffers                  sync.Pool
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
		t.arrived.Add(int64(n))
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
	_, _ = fmt.Fprintf(w, "%-*d", SmallBody, size) // whoever has left needs no answer
}

func give(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(giveSize))
	for left := giveSize; left > 0; left -= len(Filler) {
		if _, err := w.Write(Filler); err != nil {
			return // whoever has left needs no answer
		}
	}
}
