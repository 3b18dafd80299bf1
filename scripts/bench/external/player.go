package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/pki"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

// playCommand is the first argument of a process that plays.
const playCommand = "play"

// play is what others do to the Central Node, over and over, while something is
// measured.
type play struct {
	name, about string
	players     int
	rate        int // doings a second, of all players; 0: as fast as it goes
	first       int // system; the players are of so many systems from it on
	systems     int
	do          func(*player, context.Context) error
}

// plays lists the ordinary ones; attacks has the others.
func plays() []play {
	return append([]play{
		{name: "steady", players: 4, rate: 200, first: firstFlooder, systems: 4, do: (*player).submit},
		{name: "flood", players: 2 * floodSystems, first: firstFlooder, systems: floodSystems, do: (*player).flood},
		{name: "flood1", players: 4, first: firstFlooder, systems: 1, do: (*player).flood},
	}, attacks()...)
}

// playerRest is what a player waits that was not answered as it hoped.
const playerRest = 20 * time.Millisecond

// playBegins is what players have to get going.
const playBegins = 700 * time.Millisecond

// beside does something while a play goes on; none when it has no name. Players
// have the lowest priority, so that what they cost themselves is taken from
// nobody.
func (n *node) beside(ctx context.Context, name string, do func() error) (err error) {
	if name == "" {
		return do()
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command("nice", "-n", "19", self, playCommand, name, n.address, n.pin.String(), n.certs.dir)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	p, err := process.Start(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.End()) }()
	if err := load.Pause(ctx, playBegins); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	select {
	case <-p.Done():
		return fmt.Errorf("the play %s has ended: %w", name, p.Err())
	default:
		return nil
	}
}

// bePlayer plays until ctx ends.
func bePlayer(ctx context.Context, name, address, pin, dir string) error {
	fingerprint, err := pki.ParseFingerprint(pin)
	if err != nil {
		return err
	}
	for _, p := range plays() {
		if p.name == name {
			return p.run(ctx, door{address: address, pin: fingerprint}, dir)
		}
	}
	return fmt.Errorf("there is no play %s", name)
}

func (p play) run(ctx context.Context, d door, dir string) error {
	var tokens <-chan time.Time
	if p.rate > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(p.rate))
		defer ticker.Stop()
		tokens = ticker.C
	} else {
		always := make(chan time.Time)
		close(always)
		tokens = always
	}
	var group errgroup.Group
	for i := range p.players {
		s, err := readSystem(dir, p.first+i%p.systems)
		if err != nil {
			return err
		}
		one := &player{door: d, system: s, name: fmt.Sprintf("%s-%d-%d", p.name, os.Getpid(), i)}
		group.Go(func() error {
			defer one.hangUp()
			for ctx.Err() == nil {
				select {
				case <-tokens:
				case <-ctx.Done():
					return nil
				}
				if err := p.do(one, ctx); err != nil && ctx.Err() == nil {
					one.hangUp() // whatever it was, the next call is on a new connection
					_ = load.Pause(ctx, playerRest)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// player is one of those who play: one connection at a time.
type player struct {
	door
	system *system
	name   string
	number int
	conn   *caller
	stop   func() bool
}

// connected makes the connection when there is none. It ends with ctx.
func (p *player) connected(ctx context.Context) error {
	if p.conn != nil {
		return nil
	}
	c, err := p.call(ctx, p.system, foreign)
	if err != nil {
		return err
	}
	p.conn, p.stop = c, context.AfterFunc(ctx, c.drop)
	return nil
}

func (p *player) hangUp() {
	if p.conn != nil {
		p.stop()
		p.conn.drop()
		p.conn = nil
	}
}

// submit submits an object in earnest.
func (p *player) submit(ctx context.Context) error {
	if err := p.connected(ctx); err != nil {
		return err
	}
	p.number++
	return p.conn.submit(object{scanID: fmt.Sprintf("%s-%d", p.name, p.number), size: probeSize})
}

// floodPatience is how long a flooder waits at most that was told to come later.
const floodPatience = time.Second

// flood is submit by somebody who has endless objects.
func (p *player) flood(ctx context.Context) error {
	err := p.submit(ctx)
	var r *refused
	if errors.As(err, &r) && r.retryAfter > 0 {
		p.hangUp()
		return load.Pause(ctx, min(r.retryAfter, floodPatience))
	}
	return err
}
