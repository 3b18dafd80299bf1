package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/agent/uplink"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/scripts/bench/daemon"
	"vedette/scripts/bench/load"
)

// world is a Central Node with much to show, and somebody who is signed in.
type world struct {
	node    *daemon.Daemon
	web     string
	browser *browser
	static  *staticServer
	host    string // agent id of one of the hosts
}

const (
	password = "Bench-of-pages-1"
	perFile  = 2000 // certificates in one upload
	perSend  = 100  // events in one package
)

func newWorld(ctx context.Context, dir string, o options) (_ *world, err error) {
	w := &world{}
	if w.web, err = freePort(); err != nil {
		return nil, err
	}
	passwordFile := filepath.Join(dir, "password")
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		return nil, err
	}
	w.node, err = daemon.New(daemon.Options{
		Program: filepath.Join(o.bin, "centralnode"), Dir: dir, Web: w.web,
		Settings: fmt.Sprintf("admin_password_file = %q\n[limits]\nstrangers_per_address = 4096\n", passwordFile),
	})
	if err != nil {
		return nil, err
	}
	if err := w.node.Start(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.end())
		}
	}()
	pairs, err := w.certificates(dir, o.agents)
	if err != nil {
		return nil, err
	}
	if err := w.hosts(ctx, pairs, o.events); err != nil {
		return nil, err
	}
	// What a first start did is not what pages need.
	if err := w.node.End(); err != nil {
		return nil, err
	}
	if err := w.node.Start(ctx); err != nil {
		return nil, err
	}
	if w.browser, err = signIn(ctx, w.web, w.node.Pin); err != nil {
		return nil, err
	}
	w.static, err = startStatic(dir)
	return w, err
}

func (w *world) end() error {
	err := w.node.End()
	if w.static != nil {
		err = errors.Join(err, w.static.process.End())
	}
	return err
}

// certificates makes agent certificates and uploads them.
func (w *world) certificates(dir string, n int) ([]*pki.Pair, error) {
	pairs := make([]*pki.Pair, n)
	for from := 0; from < n; from += perFile {
		files := []string{"agent-certificate", "upload"}
		for i := from; i < min(from+perFile, n); i++ {
			var err error
			if pairs[i], err = pki.GenerateAgent(pki.AgentOptions{Name: fmt.Sprintf("host-%05d.example", i)}); err != nil {
				return nil, err
			}
			files = append(files, filepath.Join(dir, fmt.Sprintf("%d.pem", i)))
			if err := os.WriteFile(files[len(files)-1], pairs[i].EncodePEM(), 0o600); err != nil {
				return nil, err
			}
		}
		if err := w.node.Command(nil, files...); err != nil {
			return nil, err
		}
	}
	fmt.Printf("%d certificates are on the list\n", n)
	return pairs, nil
}

// hosts has every agent report once, and one of them send events.
func (w *world) hosts(ctx context.Context, pairs []*pki.Pair, events int) error {
	err := load.Spread(ctx, 8, len(pairs), func(ctx context.Context, i int) error {
		client := uplink.NewClient(uplink.ClientOptions{Address: w.node.Address, Pins: pki.PinTo(w.node.Pin), Client: pairs[i], Timeout: 30 * time.Second})
		defer client.Close()
		id := identity()
		if _, err := client.Sync(ctx, &agentv1.SyncRequest{
			AgentId: id, QueueId: identity(), State: &agentv1.AgentState{Clock: timestamppb.Now()},
			Host: &agentv1.Host{
				Name: fmt.Sprintf("host-%05d.example", i), Addresses: []string{fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)},
				OsFamily: "linux", OsName: "Debian GNU/Linux", OsVersion: fmt.Sprint(11 + i%3), AgentVersion: "0.1.0", Collector: "proc-connector",
			},
		}); err != nil {
			return err
		}
		if i > 0 {
			return nil
		}
		w.host = id
		return send(ctx, client, id, events)
	})
	if err == nil {
		fmt.Printf("%d hosts have reported, %d events are in the log\n", len(pairs), events)
	}
	return err
}

// send sends events as one host.
func send(ctx context.Context, client *uplink.Client, id string, events int) error {
	queue := identity()
	for seq := uint64(1); events > 0; seq++ {
		p := &agentv1.SendEventsRequest{AgentId: id, QueueId: queue, Seq: seq}
		for range min(events, perSend) {
			p.Events = append(p.Events, &agentv1.Event{Id: identity(), Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
				Pid: rand.Uint32N(1 << 22), Executable: "/usr/bin/curl", Args: []string{"curl", "-sS", "https://example.org/"}, UserId: "1000", UserName: "anna", WorkingDirectory: "/home/anna",
			}}})
		}
		if _, err := client.SendEvents(ctx, p); err != nil {
			return err
		}
		events -= perSend
	}
	return nil
}

// identity makes 32 hexadecimal digits.
func identity() string {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(rand.Uint32())
	}
	return hex.EncodeToString(raw[:])
}

// freePort is an address of loopback that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
