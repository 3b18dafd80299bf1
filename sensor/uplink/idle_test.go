package uplink

import (
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/proto/link"
)

func TestAnIdleLaneHasNoRoundTripOfLongAgo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sent time.Duration
		want acts.Lane
	}{
		{time.Second, acts.Lane{RTT: 20 * time.Millisecond, DeliveryRate: 7, Segments: 9}},
		{4 * time.Minute, acts.Lane{Idle: true, Segments: 9}},
	} {
		var shown acts.Lane
		inspected(&shown, link.TCP{RTT: 20 * time.Millisecond, DeliveryRate: 7, Segments: 9, Idle: c.sent})
		if shown != c.want {
			t.Errorf("%v after it sent: %+v", c.sent, shown)
		}
	}
}
