package sshd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
)

// The prompts of keyboard-interactive (RFC 4256), as other servers word them:
// clients that answer by themselves look for these words.
const (
	promptPassword = "Password: "
	promptCode     = "Verification code: "
)

// byPassword is the method "password". Of an account with a second factor it is
// the first half: clients are told that keyboard-interactive goes on (RFC 4252,
// section 5.1). Only who knows the password is told so; before it, nothing tells
// such an account from one that does not exist.
//
// Nobody is sent away because his password has to be changed: scripts and the
// console sign in here, and could not do it. The menu and the list of accounts
// say it.
func (v *networkVisit) byPassword(ctx context.Context, name, password string) (*ssh.Permissions, error) {
	account, err := v.password(ctx, name, password)
	switch {
	case err != nil:
		return nil, err
	case account.SecondFactor:
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{
			KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				return v.byCode(ctx, account, ask)
			},
		}}
	}
	return v.admit(v.permissions(account, ""))
}

// byAnswers is the method "keyboard-interactive", which asks for the password,
// and then for a code who has a second factor.
func (v *networkVisit) byAnswers(ctx context.Context, name string, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	password, err := answer(ask, promptPassword, false)
	if err != nil {
		return nil, err
	}
	account, err := v.password(ctx, name, password)
	switch {
	case err != nil:
		return nil, err
	case account.SecondFactor:
		return v.byCode(ctx, account, ask)
	}
	return v.admit(v.permissions(account, ""))
}

// byCode asks whoever gave an account's password for the code of its second
// factor. It is shown while it is typed: it is good for nothing afterwards.
func (v *networkVisit) byCode(ctx context.Context, account accounts.Account, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	code, err := answer(ask, promptCode, true)
	if err != nil {
		return nil, err
	}
	now, err := v.door.accounts.VerifyCode(ctx, account.Name, code, v.from)
	if err == nil {
		err = now.Still(account) // it took a while to type the code
	}
	if err != nil {
		return nil, v.told(fmt.Errorf("the password was right, the code was not: %w", err))
	}
	return v.admit(v.permissions(now, ""))
}

// answer asks for one line.
func answer(ask ssh.KeyboardInteractiveChallenge, prompt string, echo bool) (string, error) {
	answers, err := ask("", "", []string{prompt}, []bool{echo})
	if err != nil || len(answers) != 1 {
		return "", errors.Join(accounts.ErrRefused, err)
	}
	return answers[0], nil
}

func (v *networkVisit) password(ctx context.Context, name, password string) (accounts.Account, error) {
	account, err := v.door.accounts.Verify(ctx, name, password, v.from)
	if err != nil {
		return accounts.Account{}, v.told(err)
	}
	return account, nil
}

// told says to whoever has guessed too often how long to wait, and to others
// nothing.
func (v *networkVisit) told(err error) error {
	var backoff *accounts.BackoffError
	if errors.As(err, &backoff) {
		seconds := max(1, (backoff.Wait+time.Second-1)/time.Second)
		return &ssh.BannerError{Err: err, Message: fmt.Sprintf("too many attempts, try again in %d s\r\n", seconds)}
	}
	return v.refusal(err)
}
