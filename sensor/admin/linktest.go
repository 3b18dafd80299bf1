package admin

import (
	"context"
	"errors"
	"time"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/proto/capacity"
	"vedette/proto/link"
	"vedette/sensor/store"
	"vedette/sensor/uplink"
)

// TestLink measures what the link carries. It takes as long as was asked for,
// and some seconds more on a bad link; agents go on meanwhile, before the test.
// The record has what was found.
func (a *Admin) TestLink(ctx context.Context, actor acts.Actor, in acts.TestLink) (acts.LinkTest, error) {
	subject := []string{direction(in.Back)}
	if err := a.desk.Permit(ctx, actor, actTestLink, subject...); err != nil {
		return acts.LinkTest{}, err
	}
	central, _, err := a.c.Store.CentralNode(ctx)
	if err != nil {
		return acts.LinkTest{}, a.desk.Failed(ctx, actor, actTestLink, subject, err)
	}
	found, err := a.testLink(ctx, in)
	if err == nil {
		err = a.keepTested(ctx, central, found)
	}
	if err != nil {
		return acts.LinkTest{}, a.desk.Failed(ctx, actor, actTestLink, subject, err)
	}
	if _, err := a.desk.Commit(ctx, actor, actTestLink, subject, found.Summary(), nil, nil); err != nil {
		return acts.LinkTest{}, a.desk.Failed(ctx, actor, actTestLink, subject, err)
	}
	return found, nil
}

// keepTested keeps a result, unless another Central Node was configured while the
// test went to central.
func (a *Admin) keepTested(ctx context.Context, central store.CentralNode, found acts.LinkTest) error {
	a.setting.Lock()
	defer a.setting.Unlock()
	now, _, err := a.c.Store.CentralNode(ctx)
	if err != nil {
		return err
	}
	if now.Address == central.Address && now.Pin == central.Pin || now.Request == central.Request {
		a.c.Quality.Tested(found)
	}
	return nil
}

func direction(back bool) string {
	if back {
		return "from the Central Node"
	}
	return "to the Central Node"
}

func (a *Admin) testLink(ctx context.Context, in acts.TestLink) (acts.LinkTest, error) {
	spec, err := capacity.Spec{Duration: in.Duration, Rate: in.Rate, Back: in.Back}.Check()
	if err != nil {
		return acts.LinkTest{}, conduct.Invalid("a test takes 1 to 30 s, with 100 kbit/s to 1 Gbit/s", "without both it takes 5 s and as much as the link carries, up to 1 Gbit/s")
	}
	if !a.testing.TryLock() {
		return acts.LinkTest{}, a.untested(capacity.RefusedBusy)
	}
	defer a.testing.Unlock()
	began := a.c.Now()
	r, err := a.c.Uplink.Test(ctx, spec, func() uint64 {
		if in.Back {
			return a.c.Door.Counts().EgressBytes
		}
		return a.c.Door.Counts().IngressBytes
	})
	if err != nil {
		return acts.LinkTest{}, a.untested(err)
	}
	ended := a.c.Now()
	found := acts.LinkTest{
		Back: in.Back, Duration: spec.Duration, Measured: r.Measured, Bytes: r.Bytes, Rate: r.Rate, Others: r.Others, Capacity: r.Rate + r.Others, Bounded: r.Bounded, Growing: r.Growing, Time: began,
		RoundTripBefore: a.c.Quality.RoundTrip(began.Add(-quietTime), began), RoundTripDuring: a.c.Quality.RoundTrip(ended.Add(-max(r.Measured, time.Second)), ended),
	}
	if q := a.c.Quality.Look(); !in.Back && q.CapacityAt.IsZero() {
		found.Configured = q.Capacity
	}
	return found, nil
}

// quietTime is what counts as before the test.
const quietTime = 10 * time.Second

// untested says why there was no test, or no result.
func (a *Admin) untested(err error) error {
	const again = "try again"
	refuse := func(code acts.Code, text, hint string) error {
		return &acts.Error{Code: code, Text: text, Hint: hint, Err: err}
	}
	var (
		refused capacity.Refusal
		reset   *link.ResetError
		ended   *link.Error
	)
	switch {
	case errors.Is(err, uplink.ErrNotCarrying):
		s := a.c.Uplink.State()
		return refuse(acts.Unavailable, "there is no link to test: "+string(s.Link), "see link status for what is missing")
	case errors.Is(err, capacity.RefusedBusy):
		return refuse(acts.Refused, "the link is being tested already", "wait until that test is over, which takes at most 40 s")
	case errors.As(err, &refused) && refused == capacity.RefusedVersion, errors.As(err, &reset) && reset.Code == link.CodeUnsupported:
		return refuse(acts.Refused, "the Central Node knows no such test", "bring both servers to the same version")
	case errors.As(err, &refused):
		return refuse(acts.Refused, refused.Error(), again+" in a minute")
	case errors.Is(err, capacity.ErrNothing):
		return refuse(acts.Unavailable, "too little of the test arrived to judge by", "see link status, or let the test take longer")
	case errors.Is(err, capacity.ErrNoAnswer), errors.Is(err, capacity.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return refuse(acts.Unavailable, "the test did not come to its end in time", "see link status: the link hardly gets on, or breaks")
	case errors.As(err, &reset), errors.As(err, &ended), errors.Is(err, capacity.ErrCut):
		return refuse(acts.Unavailable, "the Central Node or the link ended the test", "see link status, then "+again)
	}
	return err
}
