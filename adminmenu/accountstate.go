package adminmenu

import (
	"context"

	"vedette/internal/acts"
)

// Words of the buttons that change who may sign in, and with what.
const (
	wordDisable      = "Disable"
	wordEnable       = "Enable"
	wordRemoveFactor = "Remove second factor"
)

// disable lets the account sign in no longer, and asks first.
func (m *accountWindow) disable() {
	s, in := m.menu, acts.DisableAccount{Name: m.name, Revision: m.last.Revision}
	m.ending(wordDisable, "Disable this account?", func(ctx context.Context) (acts.Preview, error) {
		return m.backend.PreviewDisableAccount(ctx, s.who, in)
	}, func(ctx context.Context, revision uint64) (acts.AccountChange, error) {
		in.Revision = revision
		return m.backend.DisableAccount(ctx, s.who, in)
	}, "The account "+m.name+" is disabled. ")
}

// enable lets the account sign in again, which takes nothing from anybody.
func (m *accountWindow) enable() {
	s, in := m.menu, acts.EnableAccount{Name: m.name, Revision: m.last.Revision}
	m.said = nil
	act(s, wordEnable, func(ctx context.Context) (acts.AccountChange, error) {
		return m.backend.EnableAccount(ctx, s.who, in)
	}, func(acts.AccountChange) {
		m.said = []line{heading("The account " + m.name + " is enabled."), blank()}
		s.backTo(m.window)
	})
}

// removeSecondFactor helps somebody who lost what showed the codes, and asks
// first.
func (m *accountWindow) removeSecondFactor() {
	s, in := m.menu, acts.RemoveSecondFactor{Name: m.name, Revision: m.last.Revision}
	m.ending(wordRemoveFactor, "Remove the second factor?", func(ctx context.Context) (acts.Preview, error) {
		return m.backend.PreviewRemoveSecondFactor(ctx, s.who, in)
	}, func(ctx context.Context, revision uint64) (acts.AccountChange, error) {
		in.Revision = revision
		return m.backend.RemoveSecondFactor(ctx, s.who, in)
	}, "The second factor of "+m.name+" was removed. ")
}

// ending does something that ends sessions of the account, and asks first.
func (m *accountWindow) ending(title, question string, preview func(context.Context) (acts.Preview, error), deed func(context.Context, uint64) (acts.AccountChange, error), done string) {
	s := m.menu
	m.said = nil
	fetch(s, title, preview, func(p acts.Preview) {
		s.ask(titleConfirm, append(previewLines(p), blank(), words(question)), wordYes, wordNo, func() {
			act(s, title, func(ctx context.Context) (acts.AccountChange, error) { return deed(ctx, p.Revision) }, func(c acts.AccountChange) {
				m.said = []line{heading(done + endedText(c.Ended, "")), blank()}
				s.backTo(m.window)
			})
		})
	})
}
