package main

import (
	"context"
	"errors"
	"fmt"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/site"
)

// world is a Central Node and the subjects that lead to it.
type world struct {
	certs    *site.Certificates
	central  *site.Central
	subjects []*site.Subject
	size     float64 // of the loads: 1 is the usual
}

// kinds are the subjects that there are.
var kinds = []string{site.Direct, site.HAProxy, site.Nginx, site.Stunnel, ours}

func newWorld(ctx context.Context, certs *site.Certificates, names []string, o options) (_ *world, err error) {
	w := &world{certs: certs, size: o.size}
	if w.central, err = site.StartCentral(certs, site.Here); err != nil {
		return nil, err
	}
	for _, name := range names {
		s, err := site.Setting{Certificates: certs, Central: w.central, At: site.Here, Bin: o.Bin}.Start(ctx, name)
		if err != nil {
			return nil, errors.Join(err, w.end())
		}
		w.subjects = append(w.subjects, s)
	}
	return w, nil
}

// warm sends a little of everything through each subject, so that no turn is
// the first.
func (w *world) warm(ctx context.Context) error {
	for _, s := range w.subjects {
		agents, err := s.Fleet(ctx, 64)
		if err != nil {
			return err
		}
		err = load.Spread(ctx, len(agents), len(agents), func(_ context.Context, i int) error {
			_, err := agents[i].Post(1<<20, site.Filler)
			return err
		})
		site.Disband(agents)
		if err != nil {
			return fmt.Errorf("warm up %s: %w", s.Name, err)
		}
	}
	return nil
}

// end ends all processes.
func (w *world) end() error {
	var errs []error
	for _, s := range w.subjects {
		errs = append(errs, s.End())
	}
	return errors.Join(append(errs, w.central.End())...)
}
