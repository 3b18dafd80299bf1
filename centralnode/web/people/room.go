package people

import (
	"context"
	"embed"

	"vedette/centralnode/web/page"
	"vedette/internal/accounts"
	"vedette/internal/acts"
)

// Backend is what the pages ask the acts for.
type Backend interface {
	May(actor acts.Actor, act string) bool
	Accounts(context.Context, acts.Actor) (acts.AccountList, error)
	CreateAccount(context.Context, acts.Actor, acts.CreateAccount) (acts.AccountChange, error)
	PreviewDeleteAccount(context.Context, acts.Actor, acts.DeleteAccount) (acts.Preview, error)
	DeleteAccount(context.Context, acts.Actor, acts.DeleteAccount) (acts.AccountChange, error)
	PreviewSetRole(context.Context, acts.Actor, acts.SetRole) (acts.Preview, error)
	SetRole(context.Context, acts.Actor, acts.SetRole) (acts.AccountChange, error)
	PreviewDisableAccount(context.Context, acts.Actor, acts.DisableAccount) (acts.Preview, error)
	DisableAccount(context.Context, acts.Actor, acts.DisableAccount) (acts.AccountChange, error)
	EnableAccount(context.Context, acts.Actor, acts.EnableAccount) (acts.AccountChange, error)
	PreviewRemoveSecondFactor(context.Context, acts.Actor, acts.RemoveSecondFactor) (acts.Preview, error)
	RemoveSecondFactor(context.Context, acts.Actor, acts.RemoveSecondFactor) (acts.AccountChange, error)
	SetPassword(context.Context, acts.Actor, acts.SetPassword) (acts.AccountChange, error)
	AddKey(context.Context, acts.Actor, acts.AddKey) (acts.AccountChange, error)
	PreviewDeleteKey(context.Context, acts.Actor, acts.DeleteKey) (acts.Preview, error)
	DeleteKey(context.Context, acts.Actor, acts.DeleteKey) (acts.AccountChange, error)

	ChangePassword(context.Context, acts.Actor, acts.ChangePassword) (acts.AccountChange, error)
	BeginSecondFactor(context.Context, acts.Actor, acts.BeginSecondFactor) (acts.SecondFactorOffer, error)
	SecondFactorBegun(context.Context, acts.Actor) (acts.SecondFactorOffer, error)
	ConfirmSecondFactor(context.Context, acts.Actor, acts.ConfirmSecondFactor) (acts.AccountChange, error)
	EndSecondFactor(context.Context, acts.Actor, acts.EndSecondFactor) (acts.AccountChange, error)
	OwnSessions(context.Context, acts.Actor) ([]acts.AccountSession, error)
	EndOtherSessions(context.Context, acts.Actor) (acts.AccountChange, error)
}

// The addresses of the pages. No name of an account holds what an address would
// have to escape; addPath is no account's page because it has one more part.
const (
	listPath    = "/settings/accounts"
	addPath     = "/settings/accounts/add/account"
	onePath     = listPath + "/{name}"
	ownPath     = "/account"
	factorPath  = ownPath + "/second-factor"
	listTitle   = "Accounts"
	ownTitle    = "Account"
	factorTitle = "Second factor"
)

//go:embed templates/*.html
var templates embed.FS

type room struct {
	kit     *page.Kit
	backend Backend
}

// Register gives the Kit the pages of the room.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("people", templates); err != nil {
		return err
	}
	m := &room{kit: k, backend: b}
	k.Get(listPath, accounts.ActView, m.list)
	k.Get(addPath, accounts.ActCreate, m.askCreate)
	k.Post(addPath, accounts.ActCreate, m.create)
	k.Get(onePath, accounts.ActView, m.one)
	k.Get(onePath+"/role", accounts.ActSetRole, m.askRole)
	k.Post(onePath+"/role", accounts.ActSetRole, m.role)
	k.Get(onePath+"/disable", accounts.ActDisable, m.askDisable)
	k.Post(onePath+"/disable", accounts.ActDisable, m.disable)
	k.Post(onePath+"/enable", accounts.ActEnable, m.enable)
	k.Get(onePath+"/second-factor", accounts.ActSecondFactor, m.askRemoveFactor)
	k.Post(onePath+"/second-factor", accounts.ActSecondFactor, m.removeFactor)
	k.Get(onePath+"/password", accounts.ActSetPassword, m.askPassword)
	k.Post(onePath+"/password", accounts.ActSetPassword, m.setPassword)
	k.Post(onePath+"/keys", accounts.ActAddKey, m.addKey)
	k.Get(onePath+"/keys/delete", accounts.ActDeleteKey, m.askDeleteKey)
	k.Post(onePath+"/keys/delete", accounts.ActDeleteKey, m.deleteKey)
	k.Get(onePath+"/delete", accounts.ActDelete, m.askDelete)
	k.Post(onePath+"/delete", accounts.ActDelete, m.delete)

	k.Get(ownPath, accounts.ActOwn, m.own)
	k.Post(ownPath+"/password", accounts.ActChangePassword, m.changePassword)
	k.Get(factorPath, accounts.ActOwn, m.factor)
	k.Post(factorPath, accounts.ActOwn, m.beginFactor)
	k.Post(factorPath+"/on", accounts.ActOwn, m.factorOn)
	k.Post(factorPath+"/off", accounts.ActOwn, m.factorOff)
	k.Post(ownPath+"/keys", accounts.ActOwn, m.addOwnKey)
	k.Get(ownPath+"/keys/delete", accounts.ActOwn, m.askDeleteOwnKey)
	k.Post(ownPath+"/keys/delete", accounts.ActOwn, m.deleteOwnKey)
	k.Post(ownPath+"/sign-out-elsewhere", accounts.ActOwn, m.signOutElsewhere)
	return nil
}
