package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vedette/pki"
)

// system is an external system: an ID, and a certificate that it made itself.
type system struct {
	id   string
	pair *pki.Pair
}

// Who is who among the systems. Roles with several have the numbers from theirs
// on.
const (
	storeSystems = 4 // file stores that submit in earnest
	floodSystems = 16

	firstStore   = 0
	mailSystem   = firstStore + storeSystems
	probeSystem  = mailSystem + 1
	badSystem    = probeSystem + 1 // accepted, and hostile
	stranger     = badSystem + 1   // never accepted
	firstFlooder = stranger + 1
	systemCount  = firstFlooder + floodSystems
)

// certificates are those of everybody: ECDSA P-256, self-made.
type certificates struct {
	dir     string
	server  *pki.Pair // of the peers
	systems []*system
}

// The files in certificates.dir.
const (
	serverPair  = "server.pem"  // certificate and key
	systemCerts = "systems.crt" // all of them
	systemPair  = "system-%d.pem"
)

func makeCertificates(dir string) (*certificates, error) {
	c := &certificates{dir: dir}
	var err error
	if c.server, err = pki.GenerateServer(pki.ServerOptions{Names: []string{"localhost", "127.0.0.1"}}); err != nil {
		return nil, err
	}
	var all []byte
	errs := []error{os.WriteFile(c.path(serverPair), c.server.EncodePEM(), 0o600)}
	for i := range systemCount {
		id := systemID(i)
		pair, err := pki.GenerateAgent(pki.AgentOptions{Name: id})
		if err != nil {
			return nil, err
		}
		c.systems = append(c.systems, &system{id, pair})
		all = append(all, pair.CertificatePEM()...)
		errs = append(errs, os.WriteFile(c.path(fmt.Sprintf(systemPair, i)), pair.EncodePEM(), 0o600))
	}
	return c, errors.Join(append(errs, os.WriteFile(c.path(systemCerts), all, 0o600))...)
}

func systemID(i int) string { return fmt.Sprintf("bench-%d", i) }

func (c *certificates) path(name string) string { return filepath.Join(c.dir, name) }

// readSystem reads a system that makeCertificates made.
func readSystem(dir string, i int) (*system, error) {
	raw, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf(systemPair, i)))
	if err != nil {
		return nil, err
	}
	pair, _, err := pki.ParsePair(raw, time.Now())
	return &system{systemID(i), pair}, err
}
