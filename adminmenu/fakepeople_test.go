package adminmenu

import (
	"context"
	"slices"
	"time"

	"vedette/internal/acts"
)

func (f *fake) account(name string) *acts.Account {
	for i := range f.accounts {
		if f.accounts[i].Name == name {
			return &f.accounts[i]
		}
	}
	return nil
}

func (f *fake) Accounts(ctx context.Context, _ acts.Actor) (acts.AccountList, error) {
	if err := f.begin(ctx, "Accounts"); err != nil {
		return acts.AccountList{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return acts.AccountList{Accounts: slices.Clone(f.accounts), Revision: f.revision}, nil
}

func (f *fake) CreateAccount(ctx context.Context, who acts.Actor, in acts.CreateAccount) (acts.AccountChange, error) {
	if err := f.begin(ctx, "CreateAccount"); err != nil {
		return acts.AccountChange{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.account(in.Name) != nil {
		return acts.AccountChange{}, &acts.Error{Code: acts.Refused, Text: "the account " + in.Name + " exists already"}
	}
	f.record(who, "account create", in.Name)
	a := acts.Account{Name: in.Name, Role: in.Role, Created: time.Now(), Changed: time.Now(), Revision: f.revision}
	f.accounts = append(f.accounts, a)
	return acts.AccountChange{Account: a}, nil
}

// changed does something to an account under the rules of revisions.
func (f *fake) changed(ctx context.Context, who acts.Actor, method, act, name string, revision uint64, how func(*acts.Account) error) (acts.AccountChange, error) {
	if err := f.begin(ctx, method); err != nil {
		return acts.AccountChange{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.account(name)
	if a == nil {
		return acts.AccountChange{}, notFound("the account " + name)
	}
	if err := seen(revision, a.Revision, "the account "+name); err != nil {
		return acts.AccountChange{}, err
	}
	ended := a.Sessions
	if err := how(a); err != nil {
		return acts.AccountChange{}, err
	}
	f.record(who, act, name)
	a.Revision = f.revision
	return acts.AccountChange{Account: *a, Ended: ended}, nil
}

func (f *fake) previewAccount(ctx context.Context, method, act, name, line string) (acts.Preview, error) {
	if err := f.begin(ctx, method); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.account(name)
	if a == nil {
		return acts.Preview{}, notFound("the account " + name)
	}
	return acts.Preview{Act: act, Lines: []string{line}, Consequences: []acts.Consequence{{Text: "Sessions that are ended at once.", InUse: true, Count: a.Sessions}}, Revision: a.Revision, Asks: true}, nil
}

func (f *fake) PreviewDeleteAccount(ctx context.Context, _ acts.Actor, in acts.DeleteAccount) (acts.Preview, error) {
	return f.previewAccount(ctx, "PreviewDeleteAccount", "account delete", in.Name, "The account "+in.Name+" will be deleted.")
}

func (f *fake) DeleteAccount(ctx context.Context, who acts.Actor, in acts.DeleteAccount) (acts.AccountChange, error) {
	change, err := f.changed(ctx, who, "DeleteAccount", "account delete", in.Name, in.Revision, func(*acts.Account) error { return nil })
	if err == nil {
		f.change(func(f *fake) {
			f.accounts = slices.DeleteFunc(f.accounts, func(a acts.Account) bool { return a.Name == in.Name })
		})
	}
	return change, err
}

func (f *fake) SetPassword(ctx context.Context, who acts.Actor, in acts.SetPassword) (acts.AccountChange, error) {
	return f.changed(ctx, who, "SetPassword", "account password", in.Name, 0, func(a *acts.Account) error {
		if len(in.Password) < 8 {
			return &acts.Error{Code: acts.Invalid, Text: "the password is too short", Hint: "use at least 8 characters of 3 of the 4 classes"}
		}
		a.Changed = time.Now()
		return nil
	})
}

func (f *fake) ChangePassword(ctx context.Context, who acts.Actor, in acts.ChangePassword) (acts.AccountChange, error) {
	return f.changed(ctx, who, "ChangePassword", "password change", who.Account, 0, func(a *acts.Account) error {
		if in.Current != "current" {
			return &acts.Error{Code: acts.Refused, Text: "the current password is wrong"}
		}
		if len(in.New) < 8 {
			return &acts.Error{Code: acts.Invalid, Text: "the password is too short", Hint: "use at least 8 characters of 3 of the 4 classes"}
		}
		a.Changed = time.Now()
		return nil
	})
}

func (f *fake) AddKey(ctx context.Context, who acts.Actor, in acts.AddKey) (acts.AccountChange, error) {
	return f.changed(ctx, who, "AddKey", "key add", in.Account, 0, func(a *acts.Account) error {
		if len(in.Line) < 20 {
			return &acts.Error{Code: acts.Invalid, Text: "this is no public key", Hint: "paste the line of the .pub file"}
		}
		a.Keys = append(a.Keys, acts.PublicKey{Fingerprint: "SHA256:" + fingerprint(in.Line).String()[:40], Type: "ssh-ed25519", Comment: "pasted", Added: time.Now()})
		return nil
	})
}

func (f *fake) PreviewDeleteKey(ctx context.Context, _ acts.Actor, in acts.DeleteKey) (acts.Preview, error) {
	return f.previewAccount(ctx, "PreviewDeleteKey", "key delete", in.Account, "The key "+in.Fingerprint+" of "+in.Account+" will be withdrawn.")
}

func (f *fake) DeleteKey(ctx context.Context, who acts.Actor, in acts.DeleteKey) (acts.AccountChange, error) {
	return f.changed(ctx, who, "DeleteKey", "key delete", in.Account, in.Revision, func(a *acts.Account) error {
		before := len(a.Keys)
		a.Keys = slices.DeleteFunc(slices.Clone(a.Keys), func(k acts.PublicKey) bool { return k.Fingerprint == in.Fingerprint })
		if len(a.Keys) == before {
			return notFound("the key")
		}
		return nil
	})
}
