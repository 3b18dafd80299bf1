package adminmenu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"vedette/internal/acts"
)

// Config is what a menu is told about its daemon.
type Config struct {
	Product, Version, Host string
	// SSHPort is where administrators connect, empty: at the usual port.
	SSHPort string
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: nothing is logged
	// Idle is how long a menu stays without a key; 0: 15 minutes. A notice comes
	// one minute before.
	Idle time.Duration
	// Draining is closed when the daemon stops. Nil: never.
	Draining <-chan struct{}
}

const (
	defaultIdle = 15 * time.Minute
	idleNotice  = time.Minute
)

var errPanic = errors.New("the administrator menu failed; the log has the cause")

// RunSensor shows the menu of a Sensor until the person leaves, is idle for too
// long, or is gone, the daemon stops, or ctx ends. Acts that were committed to
// are brought to their end before it returns. The error is nil when the menu
// ended as menus do.
func RunSensor(ctx context.Context, b Sensor, who acts.Actor, c Config, t Terminal) error {
	return runMenu(ctx, who, c, t, func(s *menuSession) *window { return sensorMenu(s, b) })
}

// RunCentralNode is RunSensor for the menu of a Central Node.
func RunCentralNode(ctx context.Context, b CentralNode, who acts.Actor, c Config, t Terminal) error {
	return runMenu(ctx, who, c, t, func(s *menuSession) *window { return centralNodeMenu(s, b) })
}

// runMenu runs a menu session whose lowest window first builds.
func runMenu(ctx context.Context, who acts.Actor, c Config, t Terminal, first func(*menuSession) *window) error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Idle <= 0 {
		c.Idle = defaultIdle
	}
	s := &menuSession{
		config: c, who: who, log: c.Logger.With("account", who.Account, "from", who.From),
		look:  look{ascii: t.ASCII || plain(t.Name), mono: t.Mono || plain(t.Name)},
		app:   tview.NewApplication(),
		begun: time.Now(),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.start = func(f func(context.Context)) context.CancelFunc {
		own, stop := context.WithCancel(ctx)
		s.tasks.Go(func() { s.guardedTask(func() { f(own) }) })
		return stop
	}
	out := newTTY(t, func() { s.post(func() { s.finish(nil, "") }) })
	screen, err := tcell.NewTerminfoScreenFromTtyTerminfo(out, describe(t.Name))
	if err != nil {
		return fmt.Errorf("open the screen: %w", err)
	}
	s.screen = newDisplay(screen)
	s.app.SetInputCapture(s.capture).SetScreen(s.screen)
	if s.screen.err != nil {
		return fmt.Errorf("open the screen: %w", s.screen.err)
	}
	if s.screen.CharacterSet() != "UTF-8" {
		s.look.ascii = true // the library takes it from the daemon's locale
	}
	s.app.SetRoot(&frame{tview.NewBox(), s}, true)

	s.guarded(func() { s.open(first(s)); s.follow() })
	s.tasks.Go(s.screen.forward)
	s.tasks.Go(s.screen.decode)
	s.tasks.Go(func() { s.watchOver(ctx, out, t.Resized) })
	go s.keys(t.In) // ends when In does: nothing can wake a read of it
	if s.ended {
		s.app.Stop()
	} else if err := s.app.Run(); err != nil {
		s.finish(fmt.Errorf("show the menu: %w", err), "")
	}

	s.mu.Lock()
	s.closed, s.posted = true, nil
	s.mu.Unlock()
	cancel()
	if s.last != "" {
		s.last += "\r\n"
	}
	out.finish(s.last)
	s.cut(0)
	s.tasks.Wait()
	return s.err
}

// keys reads the person's keys until the input ends, and the menu with it.
func (s *menuSession) keys(in io.Reader) {
	err := s.screen.read(in)
	if err == nil || errors.Is(err, io.EOF) {
		s.post(func() { s.finish(nil, "") })
		return
	}
	s.post(func() { s.finish(fmt.Errorf("read keys: %w", err), "") })
}

// watchOver waits for what ends the menu from outside, and for changes of the
// terminal's size.
func (s *menuSession) watchOver(ctx context.Context, out *tty, resized <-chan struct{}) {
	idle := time.NewTimer(s.untilIdle(s.config.Idle))
	defer idle.Stop()
	again := make(chan time.Duration, 1)
	draining := s.config.Draining
	for {
		select {
		case <-s.screen.over:
			return
		case <-ctx.Done():
			err := context.Cause(ctx)
			s.post(func() { s.finish(err, "The session was ended.") })
			ctx = context.WithoutCancel(ctx) // said once
		case <-draining:
			s.post(func() { s.finish(nil, "The program stops, and ended the session.") })
			draining = nil
		case <-resized:
			out.notify()
		case <-idle.C:
			s.post(func() { again <- s.idle() })
		case d := <-again:
			idle.Reset(d)
		}
	}
}

// untilIdle is how long from now a notice is due, if no key comes.
func (s *menuSession) untilIdle(idle time.Duration) time.Duration {
	return max(idle-idleNotice, idle/2)
}

// idle looks, on the loop, for how long no key came, and returns when to look
// again.
func (s *menuSession) idle() time.Duration {
	if s.working > 0 {
		s.lastKey.Store(int64(time.Since(s.begun)))
	}
	limit := s.config.Idle
	since := time.Since(s.begun) - time.Duration(s.lastKey.Load())
	switch early := s.untilIdle(limit); {
	case since >= limit:
		s.log.Info("administrator menu ended: no key for too long")
		s.finish(nil, fmt.Sprintf("The session ended: no key for %s.", limit))
		return limit
	case since >= early:
		s.notice = fmt.Sprintf("No key for a while: the session ends in %s. Any key keeps it.", (limit - early).Round(time.Second))
		return limit - since
	default:
		return early - since
	}
}

// leave ends the menu, if the person means it.
func (s *menuSession) leave() {
	s.offer("Exit", []line{words("Leave the administrator menu?")}, wordYes, wordNo, func() { s.finish(nil, "") })
}
