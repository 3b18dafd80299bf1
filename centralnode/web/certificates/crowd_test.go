package certificates_test

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/kv"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// many is the documented limit of agents.
const many = 15_000

// crowd is a Central Node with many agent certificates, each used by one host
// lately.
func crowd(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	state, err := kv.Open(filepath.Join(dir, "state.db"), kv.Options{Program: store.Program, Migrations: store.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	var change store.Change
	var hosts []store.Host
	for i, leaf := range leaves(t, many) {
		at := began.Add(time.Duration(i) * 10 * time.Millisecond)
		change.AddAgentCertificate(leaf, "uploaded", at)
		hosts = append(hosts, store.Host{
			V: 1, AgentID: fmt.Sprintf("%032x", i), Name: fmt.Sprintf("host-%05d", i), Addresses: []string{"192.0.2.1"}, OSFamily: "linux", OSName: "debian",
			Way: trust.Direct, Remote: "192.0.2.1", Leaf: pki.FingerprintOf(leaf.Raw), First: at, Last: at.Add(time.Minute), Dropped: map[string]uint64{"full": 1},
		})
	}
	_, err = state.Apply(t.Context(), change.Ops, change.Expect)
	for part := range slices.Chunk(hosts, 1000) {
		if err == nil {
			err = store.New(state).SaveHosts(t.Context(), part)
		}
	}
	if err == nil {
		err = state.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return over(t, admintest.StartIn(t, dir, centralnode.Scan{}))
}

// leaves makes certificates that differ in their serial numbers: 40 and then
// their place in eight octets. Nobody checks the signature of a leaf, so they can
// have the same one.
func leaves(t testing.TB, n int) []*x509.Certificate {
	t.Helper()
	serial := slices.Concat([]byte{0x40}, bytes.Repeat([]byte{0xA5}, 8))
	der := pkitest.SelfSigned(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.SerialNumber = new(big.Int).SetBytes(serial) })
	at := bytes.Index(der, serial) + 1
	out := make([]*x509.Certificate, n)
	for i := range out {
		other := bytes.Clone(der)
		binary.BigEndian.PutUint64(other[at:], uint64(i))
		leaf, err := x509.ParseCertificate(other)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = leaf
	}
	return out
}
