package adminmenu

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
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

// Accounts lists all accounts, or one's own to a role that may not see more.
func (f *fake) Accounts(ctx context.Context, who acts.Actor) (acts.AccountList, error) {
	if err := f.begin(ctx, "Accounts"); err != nil {
		return acts.AccountList{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := acts.AccountList{Accounts: slices.Clone(f.accounts), Revision: f.revision}
	if who.Role == acts.SecurityOfficer || who.Role == acts.SeniorSecurityOfficer {
		list.Accounts = slices.DeleteFunc(list.Accounts, func(a acts.Account) bool { return a.Name != who.Account })
	}
	return list, nil
}

// allowed says who may change an account: a local administrator, an
// administrator where it is not that of a local one, and oneself one's own keys
// and password.
func allowed(who acts.Actor, a *acts.Account, own bool) error {
	if who.Role == acts.LocalAdministrator || who.Role == acts.Administrator && a.Role != acts.LocalAdministrator || own && who.Account == a.Name {
		return nil
	}
	return &acts.Error{Code: acts.NotAllowed, Text: "the role " + who.Role.Title() + " may not do this", Hint: "ask a local administrator or an administrator"}
}

// checkPassword is the rules of passwords, all that are broken at once.
func checkPassword(name, password string) error {
	var faults []string
	if len(password) < 8 {
		faults = append(faults, "is shorter than 8 characters")
	}
	classes := 0
	for _, class := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "-.,;:!?@#"} {
		if strings.ContainsAny(password, class) {
			classes++
		}
	}
	if classes < 3 {
		faults = append(faults, "needs three of: lower case, upper case, digits, other characters")
	}
	if strings.EqualFold(name, password) {
		faults = append(faults, "is the name of the account")
	}
	if len(faults) == 0 {
		return nil
	}
	return &acts.Error{Code: acts.Invalid, Text: "this password " + strings.Join(faults, ", "), Hint: "choose another password"}
}

func (f *fake) CreateAccount(ctx context.Context, who acts.Actor, in acts.CreateAccount) (acts.AccountChange, error) {
	if err := f.begin(ctx, "CreateAccount"); err != nil {
		return acts.AccountChange{}, err
	}
	if err := allowed(who, &acts.Account{Name: in.Name, Role: in.Role}, false); err != nil {
		return acts.AccountChange{}, err
	}
	if err := checkPassword(in.Name, in.Password); err != nil {
		return acts.AccountChange{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.account(in.Name) != nil {
		return acts.AccountChange{}, &acts.Error{Code: acts.Refused, Text: "the account " + in.Name + " exists already"}
	}
	f.record(who, "account create", in.Name)
	a := acts.Account{Name: in.Name, Role: in.Role, Created: time.Now(), Changed: time.Now(), MustChange: true, Revision: f.revision}
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
	if who.Account == name {
		ended-- // the one that asks stays
	}
	if err := how(a); err != nil {
		return acts.AccountChange{}, err
	}
	if a.Sessions -= ended; method == "AddKey" {
		a.Sessions, ended = a.Sessions+ended, 0
	}
	f.record(who, act, name)
	a.Revision = f.revision
	return acts.AccountChange{Account: *a, Ended: ended}, nil
}

func (f *fake) previewAccount(ctx context.Context, who acts.Actor, method, act, name, line string, revision uint64) (acts.Preview, error) {
	if err := f.begin(ctx, method); err != nil {
		return acts.Preview{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.account(name)
	if a == nil {
		return acts.Preview{}, notFound("the account " + name)
	}
	if err := allowed(who, a, act == "account key delete"); err != nil {
		return acts.Preview{}, err
	}
	if err := seen(revision, a.Revision, "the account "+name); err != nil {
		return acts.Preview{}, err
	}
	return acts.Preview{Act: act, Lines: []string{line}, Consequences: []acts.Consequence{{Text: "Sessions that are ended at once.", InUse: true, Count: a.Sessions}}, Revision: a.Revision, Asks: true}, nil
}

func (f *fake) PreviewDeleteAccount(ctx context.Context, who acts.Actor, in acts.DeleteAccount) (acts.Preview, error) {
	return f.previewAccount(ctx, who, "PreviewDeleteAccount", "account delete", in.Name, "Account "+in.Name+" is deleted, and its name is free.", in.Revision)
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

func (f *fake) PreviewDisableAccount(ctx context.Context, who acts.Actor, in acts.DisableAccount) (acts.Preview, error) {
	return f.previewAccount(ctx, who, "PreviewDisableAccount", "account disable", in.Name, "Account "+in.Name+" is disabled: nothing signs in as it.", in.Revision)
}

func (f *fake) DisableAccount(ctx context.Context, who acts.Actor, in acts.DisableAccount) (acts.AccountChange, error) {
	return f.changed(ctx, who, "DisableAccount", "account disable", in.Name, in.Revision, func(a *acts.Account) error {
		a.Disabled = true
		return allowed(who, a, false)
	})
}

func (f *fake) EnableAccount(ctx context.Context, who acts.Actor, in acts.EnableAccount) (acts.AccountChange, error) {
	return f.changed(ctx, who, "EnableAccount", "account enable", in.Name, in.Revision, func(a *acts.Account) error {
		a.Disabled = false
		return allowed(who, a, false)
	})
}

func (f *fake) PreviewRemoveSecondFactor(ctx context.Context, who acts.Actor, in acts.RemoveSecondFactor) (acts.Preview, error) {
	return f.previewAccount(ctx, who, "PreviewRemoveSecondFactor", "account second-factor", in.Name, "The second factor of "+in.Name+" is removed.", in.Revision)
}

func (f *fake) RemoveSecondFactor(ctx context.Context, who acts.Actor, in acts.RemoveSecondFactor) (acts.AccountChange, error) {
	return f.changed(ctx, who, "RemoveSecondFactor", "account second-factor", in.Name, in.Revision, func(a *acts.Account) error {
		a.SecondFactor = false
		return allowed(who, a, false)
	})
}

func (f *fake) SetPassword(ctx context.Context, who acts.Actor, in acts.SetPassword) (acts.AccountChange, error) {
	return f.changed(ctx, who, "SetPassword", "account password", in.Name, 0, func(a *acts.Account) error {
		if err := allowed(who, a, false); err != nil {
			return err
		}
		if err := checkPassword(in.Name, in.Password); err != nil {
			return err
		}
		a.Changed, a.MustChange = time.Now(), true
		return nil
	})
}

func (f *fake) ChangePassword(ctx context.Context, who acts.Actor, in acts.ChangePassword) (acts.AccountChange, error) {
	return f.changed(ctx, who, "ChangePassword", "account change-password", who.Account, 0, func(a *acts.Account) error {
		if in.Current != "current" {
			return &acts.Error{Code: acts.Refused, Text: "the current password is not right", Hint: "type it again; a local administrator can set another one"}
		}
		if err := checkPassword(who.Account, in.New); err != nil {
			return err
		}
		a.Changed, a.MustChange = time.Now(), false
		return nil
	})
}

func (f *fake) AddKey(ctx context.Context, who acts.Actor, in acts.AddKey) (acts.AccountChange, error) {
	return f.changed(ctx, who, "AddKey", "account key add", in.Account, 0, func(a *acts.Account) error {
		if err := allowed(who, a, true); err != nil {
			return err
		}
		words := strings.Fields(in.Line)
		if len(words) < 2 || strings.Contains(in.Line, "\n") || !strings.HasPrefix(words[1], "AAAA") {
			return &acts.Error{Code: acts.Invalid, Text: "this is no whole public key; was a part of it left out when it was copied?", Hint: "give one line as in authorized_keys, which is what the .pub file holds"}
		}
		f.given = append(f.given, in.Line)
		a.Keys = append(slices.Clone(a.Keys), acts.PublicKey{Fingerprint: keyFingerprint(words[1]), Type: words[0], Comment: strings.Join(words[2:], " "), Added: time.Now()})
		return nil
	})
}

func (f *fake) PreviewDeleteKey(ctx context.Context, who acts.Actor, in acts.DeleteKey) (acts.Preview, error) {
	return f.previewAccount(ctx, who, "PreviewDeleteKey", "account key delete", in.Account, "The public key "+in.Fingerprint+" signs in as "+in.Account+" no longer.", in.Revision)
}

func (f *fake) DeleteKey(ctx context.Context, who acts.Actor, in acts.DeleteKey) (acts.AccountChange, error) {
	return f.changed(ctx, who, "DeleteKey", "account key delete", in.Account, in.Revision, func(a *acts.Account) error {
		before := len(a.Keys)
		a.Keys = slices.DeleteFunc(slices.Clone(a.Keys), func(k acts.PublicKey) bool { return k.Fingerprint == in.Fingerprint })
		if len(a.Keys) == before {
			return notFound("the key")
		}
		return nil
	})
}

// keyFingerprint looks like one of OpenSSH, and is always the same for a word.
func keyFingerprint(word string) string {
	fp := fingerprint(word)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(fp[:])
}

// people gives a daemon some accounts with keys.
func (f *fake) people() {
	f.change(func(f *fake) {
		now := time.Now()
		f.accounts[0].Keys = []acts.PublicKey{{Fingerprint: keyFingerprint("admin"), Type: "ssh-ed25519", Comment: "admin@desk", Added: now.Add(-24 * time.Hour)}}
		f.accounts = append(f.accounts,
			acts.Account{Name: "anna", Role: acts.SecurityOfficer, Created: now.Add(-24 * time.Hour), Changed: now.Add(-time.Hour), Revision: 7, Sessions: 2, SecondFactor: true, Keys: []acts.PublicKey{
				{Fingerprint: keyFingerprint("anna 1"), Type: "ssh-ed25519", Comment: "anna@laptop", Added: now.Add(-2 * time.Hour)},
				{Fingerprint: keyFingerprint("anna 2"), Type: "sk-ecdsa-sha2-nistp256@openssh.com", Comment: "token of Anna, the one in the safe", Added: now.Add(-time.Hour)},
			}},
			acts.Account{Name: "otto", Role: acts.SecurityAuditor, Created: now, Changed: now, MustChange: true, Revision: 8},
		)
	})
}
