package sshd

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/internal/sshd/sshkey"
)

// maxAuthTries is how many wrong passwords and unknown keys a connection may
// offer, as in OpenSSH: an agent with some keys offers them all before its
// owner is asked for the password. Guesses have a brake of their own.
const maxAuthTries = 6

// errNoRoom is for those who proved who they are.
var errNoRoom = &ssh.BannerError{
	Err:     errors.New("too many administrators are signed in"),
	Message: "too many administrators are signed in, try again later\r\n",
}

// accountFull is for those who proved who they are, and are here too often.
func accountFull(account string, most int) error {
	return &ssh.BannerError{
		Err:     fmt.Errorf("the account %s has %d connections, which is the most for one account", account, most),
		Message: fmt.Sprintf("too many connections of the account %s (%d), close some of them\r\n", account, most),
	}
}

// greet asks for a password or a key. Everything that is found out about the
// client goes into the permissions that a callback returns, of which the
// library keeps those of the method that succeeded.
func (v *networkVisit) greet(ctx context.Context) (*ssh.ServerConfig, error) {
	config := &ssh.ServerConfig{
		Config:                  algorithms(),
		ServerVersion:           "SSH-2.0-" + v.door.cfg.Version,
		MaxAuthTries:            maxAuthTries,
		PublicKeyAuthAlgorithms: keyAlgorithms(),
		PasswordCallback: func(meta ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return v.byPassword(ctx, meta.User(), string(password))
		},
		KeyboardInteractiveCallback: func(meta ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			return v.byAnswers(ctx, meta.User(), ask)
		},
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return v.offeredKey(ctx, meta.User(), key)
		},
		VerifiedPublicKeyCallback: func(_ ssh.ConnMetadata, _ ssh.PublicKey, proved *ssh.Permissions, _ string) (*ssh.Permissions, error) {
			return v.admit(proved)
		},
		AuthLogCallback: v.logAttempt,
	}
	config.AddHostKey(v.door.key)
	return config, nil
}

// keyAlgorithms are the signatures that sign in: those of the keys that sshkey
// takes, without SHA-1.
func keyAlgorithms() []string {
	return []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

// offeredKey is asked about every key that the client names. That it has the
// private half is proved later, or never.
func (v *networkVisit) offeredKey(ctx context.Context, name string, public ssh.PublicKey) (*ssh.Permissions, error) {
	key, err := sshkey.FromWire(public.Marshal())
	if err != nil {
		return nil, err
	}
	account, err := v.door.accounts.VerifyKey(ctx, name, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s", v.refusal(err), key.Type, key.Fingerprint)
	}
	return v.permissions(account, key.Fingerprint), nil
}

func (v *networkVisit) permissions(a accounts.Account, key string) *ssh.Permissions {
	return permit(identity{
		who:     acts.Actor{Account: a.Name, Role: acts.Role(a.Role), Face: acts.FaceCommand, From: v.from.String()},
		key:     key,
		account: a,
	})
}

// admit gives somebody who proved who it is a place among those signed in.
func (v *networkVisit) admit(proved *ssh.Permissions) (*ssh.Permissions, error) {
	id, ok := proved.ExtraData[identityKey{}].(identity)
	if !ok { // never; nobody is let in without a name
		return nil, accounts.ErrRefused
	}
	gone, err := v.place.admit(id.who.Account)
	if err != nil {
		return nil, err
	}
	if gone != nil {
		v.door.log.Warn("all places of those signed in are taken; a connection of the account with most of them was closed",
			"address", gone.from.String(), "account", gone.account, "newcomer", id.who.Account)
	}
	return proved, nil
}

// refusal passes on that somebody is not let in, and reports anything else,
// which is no fault of theirs.
func (v *networkVisit) refusal(err error) error {
	if !errors.Is(err, accounts.ErrRefused) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		v.door.log.Error("a sign-in could not be checked", "address", v.from.String(), "err", err)
	}
	return err
}

// logAttempt tells the log why; the client learns no more than that it failed.
func (v *networkVisit) logAttempt(meta ssh.ConnMetadata, method string, err error) {
	var half *ssh.PartialSuccessError                            // what comes of the other half has a line of its own
	if err == nil || errors.As(err, &half) || method == "none" { // the latter is how clients ask for the methods
		return
	}
	v.door.log.Warn("sign-in refused", "address", v.from.String(), "name", shortText(meta.User()),
		"method", shortText(method), "err", foreign.Line(err.Error()))
}

// shortText is a client's word for a log line.
func shortText(s string) string { return foreign.Bounded(foreign.Line(s), 64) }
