package uplink

import (
	"fmt"

	controlv1 "vedette/proto/control/v1"
)

// past remembers how far the policy of a Central Node had come. A Central Node
// that was restored from a backup sends an older one: it decides, but agents
// that were withdrawn since then are let in again.
type past struct {
	store    string
	revision uint64 // the highest that was taken since the start of the Sensor
	back     uint64 // what it went back to, the lowest
	went     bool   // no higher one has come since
}

// take notes a policy, and says whether it is a step back that is not known yet.
func (p *past) take(policy *controlv1.Policy) (news bool) {
	switch {
	case policy.StoreID != p.store || policy.Revision > p.revision:
		*p = past{store: policy.StoreID, revision: policy.Revision}
	case policy.Revision < p.revision && (!p.went || policy.Revision < p.back):
		p.back, p.went = policy.Revision, true
		return true
	}
	return false
}

// warning is empty unless the policy went back.
func (p *past) warning() string {
	if !p.went {
		return ""
	}
	return fmt.Sprintf("The Central Node's policy went back from revision %d to %d: was it restored from a backup? Withdrawals since then do not hold.", p.revision, p.back)
}
