package accounts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"vedette/internal/kv"
	"vedette/internal/sshd/sshkey"
)

// MaxKeys is the most public keys that an account may have.
const MaxKeys = 32

// Key is a public key that may sign in as an account.
type Key struct {
	sshkey.Key
	Added time.Time
}

// storedKey is a public key as it lies in its account.
type storedKey struct {
	Type        string    `json:"type"`
	Fingerprint string    `json:"fingerprint"`
	Comment     string    `json:"comment,omitempty"`
	Blob        []byte    `json:"blob"` // RFC 4253, section 6.6
	Added       time.Time `json:"added"`
}

func (k storedKey) key() Key {
	return Key{Key: sshkey.Key{Type: k.Type, Fingerprint: k.Fingerprint, Comment: k.Comment, Blob: k.Blob}, Added: k.Added}
}

// ownerPrefix begins the entries that say whose a public key is. There is one
// for each key of each account, written together with the account, so that no
// key can be of two accounts.
const ownerPrefix = "public-key/"

type storedOwner struct {
	Version int    `json:"v"`
	Account string `json:"account"`
}

func ownerKey(blob []byte) string {
	sum := sha256.Sum256(blob)
	return ownerPrefix + hex.EncodeToString(sum[:])
}

// VerifyKey says whose session begins when a client has proved that it has the
// private half of a key. Error: ErrRefused, for a name that does not exist as
// for a key that is not the account's and for a disabled account, and those of
// the store. A key is something that one has: it needs no second factor.
func (a *Accounts) VerifyKey(ctx context.Context, name string, key sshkey.Key) (Account, error) {
	s, revision, err := a.load(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return Account{}, ErrRefused
	}
	if err != nil {
		return Account{}, err
	}
	if s.find(key.Blob) < 0 || s.Disabled {
		return Account{}, ErrRefused
	}
	return s.account(revision), nil
}

// find says where in an account a public key is; -1: it is not there.
func (s stored) find(blob []byte) int {
	return slices.IndexFunc(s.Keys, func(k storedKey) bool { return bytes.Equal(k.Blob, blob) })
}

// AddKey lets a public key sign in as an account. Errors: ErrNotFound,
// ErrKeyExists, ErrKeyTaken, ErrManyKeys, those of the commit.
func (a *Accounts) AddKey(ctx context.Context, name string, key sshkey.Key) (Account, error) {
	account, err := a.addKey(ctx, name, key)
	if err != nil {
		return Account{}, fmt.Errorf("add a public key to %q: %w", name, err)
	}
	return account, nil
}

func (a *Accounts) addKey(ctx context.Context, name string, key sshkey.Key) (Account, error) {
	s, revision, err := a.load(ctx, name)
	switch {
	case err != nil:
		return Account{}, err
	case s.find(key.Blob) >= 0:
		return Account{}, ErrKeyExists
	case len(s.Keys) >= MaxKeys:
		return Account{}, ErrManyKeys
	}
	s.Keys = append(s.Keys, storedKey{
		Type: key.Type, Fingerprint: key.Fingerprint, Comment: key.Comment, Blob: key.Blob, Added: a.now().UTC().Round(0),
	})
	owner, err := json.Marshal(storedOwner{Version: version, Account: s.Name})
	if err != nil {
		return Account{}, fmt.Errorf("encode the owner of a key: %w", err)
	}
	mine := kv.Op{Key: ownerKey(key.Blob), Value: owner}
	account, err := a.change(ctx, s, revision, []kv.Op{mine}, []kv.Expect{{Key: mine.Key}})
	var conflict *kv.ConflictError
	if errors.As(err, &conflict) && conflict.Key == mine.Key {
		return Account{}, ErrKeyTaken
	}
	return account, err
}

// DeleteKey withdraws a public key, named by its fingerprint, from an account
// as it was read. Errors: ErrNotFound, ErrKeyNotFound, those of the commit: a
// *kv.ConflictError when the account was changed since.
func (a *Accounts) DeleteKey(ctx context.Context, account Account, fingerprint string) (Account, error) {
	left, err := a.deleteKey(ctx, account, fingerprint)
	if err != nil {
		return Account{}, fmt.Errorf("delete a public key of %q: %w", account.Name, err)
	}
	return left, nil
}

func (a *Accounts) deleteKey(ctx context.Context, account Account, fingerprint string) (Account, error) {
	s, _, err := a.load(ctx, account.Name)
	if err != nil {
		return Account{}, err
	}
	at := slices.IndexFunc(s.Keys, func(k storedKey) bool { return k.Fingerprint == fingerprint })
	if at < 0 {
		return Account{}, ErrKeyNotFound
	}
	free := kv.Op{Key: ownerKey(s.Keys[at].Blob), Delete: true}
	s.Keys = slices.Delete(s.Keys, at, at+1)
	return a.change(ctx, s, account.Revision, []kv.Op{free}, nil)
}
