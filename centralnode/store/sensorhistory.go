package store

import (
	"context"
	"fmt"

	"vedette/internal/kv"
	"vedette/pki"
)

const sensorHistoryPrefix = "sensor-history/"

// HistorySlots is how many values the history of a Sensor's link has, one for
// each hour of a day. Their names are known, so that a Sensor is forgotten with
// its history, and nothing grows.
const HistorySlots = 24

// SensorHistory is one slot of the history of a Sensor's link, which its owner
// encodes, with a version.
type SensorHistory struct {
	Fingerprint pki.Fingerprint // of the link identity
	Slot        int             // 0 to HistorySlots-1
	Minutes     []byte
}

func sensorHistoryKey(f pki.Fingerprint, slot int) string {
	return fmt.Sprintf("%s/%02d", hexKey(sensorHistoryPrefix, f), slot)
}

// SensorHistory reads the slots of one Sensor that were kept.
func (s *Store) SensorHistory(ctx context.Context, f pki.Fingerprint) ([][]byte, error) {
	entries, _, err := s.kv.List(ctx, hexKey(sensorHistoryPrefix, f)+"/")
	if err != nil {
		return nil, err
	}
	out := make([][]byte, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Value)
	}
	return out, nil
}

// SaveSensorHistories writes slots in one change and off the watch. Those of
// Sensors that are not Accepted, or were deleted meanwhile, are left out.
func (s *Store) SaveSensorHistories(ctx context.Context, slots []SensorHistory) error {
	return s.saveSaid(ctx, func(c *Change, servers map[pki.Fingerprint]SensorServer) {
		seen := make(map[pki.Fingerprint]bool)
		for _, v := range slots {
			server, known := servers[v.Fingerprint]
			if !known || server.State != Accepted {
				continue
			}
			c.Ops = append(c.Ops, kv.Op{Key: sensorHistoryKey(v.Fingerprint, v.Slot), Value: v.Minutes})
			if !seen[v.Fingerprint] {
				seen[v.Fingerprint] = true
				c.Seen(hexKey(sensorServerPrefix, v.Fingerprint), server.Version)
			}
		}
	})
}

// deleteSensorHistory is no news to those who watch.
func (c *Change) deleteSensorHistory(f pki.Fingerprint) {
	for slot := range HistorySlots {
		c.Ops = append(c.Ops, kv.Op{Key: sensorHistoryKey(f, slot), Delete: true, Quiet: true})
	}
}
