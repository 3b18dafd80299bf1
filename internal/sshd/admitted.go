package sshd

import (
	"container/list"

	"vedette/internal/budget"
)

// admitted are the connections that have signed in. Whoever may sign in at all
// must not keep the others out by signing in often: one account has at most half
// of the places, and when all are taken, the account with most of them makes
// room. Its owner guards it.
type admitted struct {
	perAccount int
	order      *list.List // of *stranger, oldest first
	byAccount  map[string]int
}

func newAdmitted(l budget.Limits) *admitted {
	return &admitted{perAccount: max(1, l.Admitted/2), order: list.New(), byAccount: make(map[string]int)}
}

// full says whether an account has all places that one account may have.
func (a *admitted) full(account string) bool { return a.byAccount[account] >= a.perAccount }

func (a *admitted) add(x *stranger, account string) {
	x.account = account
	x.seat = a.order.PushBack(x)
	a.byAccount[account]++
}

func (a *admitted) remove(x *stranger) {
	if x.seat == nil {
		return
	}
	a.order.Remove(x.seat)
	x.seat = nil
	if a.byAccount[x.account]--; a.byAccount[x.account] == 0 {
		delete(a.byAccount, x.account)
	}
}

// most finds who is to make room for an account: of the account that has most
// places, if they are more than the newcomer's would be, the oldest connection
// without a session, or else the oldest.
func (a *admitted) most(newcomer string) *stranger {
	places := a.byAccount[newcomer] + 1
	var victim *stranger
	for e := a.order.Front(); e != nil; e = e.Next() {
		x := e.Value.(*stranger)
		switch has := a.byAccount[x.account]; {
		case has > places:
			places, victim = has, x
		case victim != nil && x.account == victim.account && victim.by.busy() && !x.by.busy():
			victim = x
		}
	}
	return victim
}
