package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"vedette/pki"
)

// AgentLeaves is how many client Certificates the agents share. Peers read
// them as a list of authorities, so many would slow them down.
const AgentLeaves = 16

// Certificates are those of everybody: ECDSA P-256, self-made, as the product
// makes them.
type Certificates struct {
	dir     string
	Central *pki.Pair
	Front   *pki.Pair   // what peers and Sensor show to agents
	Peer    *pki.Pair   // what peers show to the Central Node
	Agents  []*pki.Pair // on the Central Node's list
	Unknown *pki.Pair   // on no list
}

// The files in Certificates.dir; see Path.
const (
	centralPair = "central.pem" // certificate and key
	centralCert = "central.crt"
	frontPair   = "front.pem"
	peerPair    = "peer.pem"
	agentCerts  = "agents.crt"  // all of agents
	firstAgent  = "agent.crt"   // one of agents
	AgentPair   = "agent.pem"   // the same with its key
	UnknownPair = "unknown.pem" // on no list
	listedCerts = "listed.crt"  // agents and the peers
)

// MakeCertificates makes them and their files in dir.
func MakeCertificates(dir string) (*Certificates, error) {
	c := &Certificates{dir: dir}
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
	server(&c.Central)
	server(&c.Front)
	c.Peer, c.Unknown = client("peer"), client("unknown")
	for i := range AgentLeaves {
		c.Agents = append(c.Agents, client(fmt.Sprintf("agent-%d", i)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var all []byte
	for _, p := range c.Agents {
		all = append(all, p.CertificatePEM()...)
	}
	for name, content := range map[string][]byte{
		centralPair: c.Central.EncodePEM(), centralCert: c.Central.CertificatePEM(), frontPair: c.Front.EncodePEM(), peerPair: c.Peer.EncodePEM(),
		agentCerts: all, AgentPair: c.Agents[0].EncodePEM(), UnknownPair: c.Unknown.EncodePEM(),
		firstAgent: c.Agents[0].CertificatePEM(), listedCerts: append(c.Peer.CertificatePEM(), all...),
	} {
		if err := os.WriteFile(c.Path(name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Path is that of one of the files.
func (c *Certificates) Path(name string) string { return filepath.Join(c.dir, name) }
