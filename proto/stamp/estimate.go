package stamp

import (
	"time"

	"golang.org/x/sys/unix"
)

// The Error Estimate (RFC 4656, section 4.1.2; RFC 8186 for Z): the clock is
// off by up to Multiplier * 2^(Scale-32) seconds.
const (
	synchronised = 1 << 15
	ptpFormat    = 1 << 14
	// unknownError is the estimate of a clock that nobody knows about.
	unknownError = 63<<8 | 255
)

// estimate writes an Error Estimate, rounded up.
func estimate(synced bool, most time.Duration) uint16 {
	const maxSeconds = 1 << 20
	most = min(max(most, 0), maxSeconds*time.Second)
	units := uint64(most/time.Second)<<32 + uint64(most%time.Second)<<32/uint64(time.Second)
	scale := uint16(0)
	for ; units > 255; scale++ {
		units = (units + 1) / 2
	}
	e := scale<<8 | uint16(max(units, 1)) // zero is not allowed
	if synced {
		e |= synchronised
	}
	return e
}

// estimateFor is how long an Error Estimate is used before the kernel is asked
// again.
const estimateFor = 16 * time.Second

// accuracy is what the kernel says of its clock, asked now and then.
type accuracy struct {
	asked time.Time
	field uint16
}

// at is the Error Estimate for packets of now.
func (a *accuracy) at(now time.Time) uint16 {
	if since := now.Sub(a.asked); a.field == 0 || since < 0 || since > estimateFor {
		a.asked, a.field = now, kernelEstimate()
	}
	return a.field
}

// kernelEstimate asks adjtimex(2), which changes nothing here. A daemon that
// may not ask knows nothing.
func kernelEstimate() uint16 {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return unknownError
	}
	synced := state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
	return estimate(synced, time.Duration(t.Maxerror)*time.Microsecond)
}
