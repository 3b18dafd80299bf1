package firststart

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"vedette/internal/entity"
	"vedette/internal/sshd/sshkey"
)

const hostKeyKey = "ssh-host-key"

// storedHostKey is the key of the SSH door. An administrator's client notes its
// public half at the first sign-in, so it is made once and kept for ever.
type storedHostKey struct {
	V    int    `json:"v"`
	Seed []byte `json:"seed"` // RFC 8032: the 32 bytes of the private key
}

// hostKey reads the SSH host key, and makes it.
func (b *Base) hostKey(ctx context.Context) error {
	var kept storedHostKey
	_, found, err := entity.Get(ctx, b.State, hostKeyKey, 1, &kept)
	if err != nil {
		return err
	}
	if found {
		if len(kept.Seed) != ed25519.SeedSize {
			return errors.New("read the SSH host key from the state file: it is no ed25519 key")
		}
		b.HostKey = ed25519.NewKeyFromSeed(kept.Seed)
		return nil
	}
	public, private, err := ed25519.GenerateKey(nil) // from crypto/rand
	if err != nil {
		return fmt.Errorf("make the SSH host key: %w", err)
	}
	fingerprint := sshkey.Fingerprint(public)
	var change entity.Change
	change.Put(hostKeyKey, storedHostKey{V: 1, Seed: private.Seed()})
	change.Seen(hostKeyKey, 0)
	if err := b.Commit("ssh-host-key make")(ctx, []string{fingerprint}, change); err != nil {
		return fmt.Errorf("keep the SSH host key: %w", err)
	}
	fmt.Fprintf(b.config.Console, "SSH host key made, fingerprint: %s\n", fingerprint)
	b.HostKey = private
	return nil
}
