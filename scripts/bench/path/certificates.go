package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vedette/pki"
)

// agentLeaves is how many client certificates the agents share. Peers read
// them as a list of authorities, so many would slow them down.
const agentLeaves = 16

// certificates are those of everybody: ECDSA P-256, self-made, as the product
// makes them.
type certificates struct {
	dir     string
	central *pki.Pair
	front   *pki.Pair   // what peers and Sensor show to agents
	peer    *pki.Pair   // what peers show to the Central Node
	agents  []*pki.Pair // on the Central Node's list
	unknown *pki.Pair   // on no list
}

// The files in certificates.dir.
const (
	centralPair = "central.pem" // certificate and key
	centralCert = "central.crt"
	frontPair   = "front.pem"
	peerPair    = "peer.pem"
	agentCerts  = "agents.crt"  // all of agents
	firstAgent  = "agent.crt"   // one of agents
	agentPair   = "agent.pem"   // the same with its key
	unknownPair = "unknown.pem" // on no list
	listedCerts = "listed.crt"  // agents and the peers
)

func makeCertificates(dir string) (*certificates, error) {
	c := &certificates{dir: dir}
	var errs []error
	server := func(into **pki.Pair) {
		p, err := pki.GenerateServer(pki.ServerOptions{Names: []string{"localhost", "127.0.0.1"}})
		errs, *into = append(errs, err), p
	}
	client := func(name string) *pki.Pair {
		p, err := pki.GenerateAgent(pki.AgentOptions{Name: name})
		errs = append(errs, err)
		return p
	}
	server(&c.central)
	server(&c.front)
	c.peer, c.unknown = client("peer"), client("unknown")
	for i := range agentLeaves {
		c.agents = append(c.agents, client(fmt.Sprintf("agent-%d", i)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var all []byte
	for _, p := range c.agents {
		all = append(all, p.CertificatePEM()...)
	}
	for name, content := range map[string][]byte{
		centralPair: c.central.EncodePEM(), centralCert: c.central.CertificatePEM(), frontPair: c.front.EncodePEM(), peerPair: c.peer.EncodePEM(),
		agentCerts: all, agentPair: c.agents[0].EncodePEM(), unknownPair: c.unknown.EncodePEM(),
		firstAgent: c.agents[0].CertificatePEM(), listedCerts: append(c.peer.CertificatePEM(), all...),
	} {
		if err := os.WriteFile(c.path(name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *certificates) path(name string) string { return filepath.Join(c.dir, name) }
