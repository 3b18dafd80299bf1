package stamp

import "time"

// SetEstimate has packets of now say an Error Estimate.
func (s *Sender) SetEstimate(field uint16, now time.Time) { s.accuracy = accuracy{now, field} }

// SetEstimate has packets of now say an Error Estimate.
func (r *Reflector) SetEstimate(field uint16, now time.Time) { r.accuracy = accuracy{now, field} }

// Estimate writes an Error Estimate.
var Estimate = estimate
