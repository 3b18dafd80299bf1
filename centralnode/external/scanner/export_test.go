package scanner

import "time"

// Upload is what an API needs of an object on its way.
type Upload = upload

// MaxEnvelope is what a body may have beside the object, in bytes.
const MaxEnvelope = maxEnvelope

// SetTimes changes how long a body may stop, and how long somebody who was
// refused is listened to.
func (a *API) SetTimes(stall, linger time.Duration) { a.stall, a.linger = stall, linger }

// SetBegin puts something in the place of Scans.Begin.
func (a *API) SetBegin(begin func(system string) (Upload, error)) { a.begin = begin }
