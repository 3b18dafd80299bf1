package eventlog

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// clusterReplicas is how many copies the stream gets in a cluster.
const clusterReplicas = 3

// openCluster connects to an existing server or cluster and finds or makes the
// stream there.
func openCluster(ctx context.Context, cfg Config) (_ *session, err error) {
	s := newSession()
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.connect(cfg.NATSURL); err != nil {
		return nil, err
	}
	s.stream, err = s.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		replicas := clusterReplicas
		if s.nc.ConnectedClusterName() == "" {
			replicas = 1
		}
		s.stream, err = s.js.CreateStream(ctx, streamConfig(newStoreID(), cfg.MaxBytes, replicas))
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", streamName, err)
	}
	have := s.stream.CachedInfo().Config
	if s.store = have.Metadata[metaStore]; s.store == "" || !slices.Equal(have.Subjects, []string{subjectAll}) {
		return nil, fmt.Errorf("%w: stream %s of the NATS server was not made by Vedette", errForeign, streamName)
	}
	if s.nc.MaxPayload() < embeddedPayload {
		s.warnings = append(s.warnings, fmt.Sprintf(
			"the NATS server takes messages of at most %d bytes; larger packages are refused until its max_payload is at least %d",
			s.nc.MaxPayload(), embeddedPayload))
	}
	s.durability = durabilityOf(s.nc.ConnectedClusterName(), s.nc.ConnectedServerVersion(), s.stream.CachedInfo())
	return s, nil
}

// adopt brings the limits of the stream in line with the configuration, once.
// It may remove packages, so it comes after the first checkpoint.
func (s *session) adopt(ctx context.Context, maxBytes int64) error {
	have := s.stream.CachedInfo().Config
	if s.adopted || have.MaxBytes == maxBytes && have.MaxAge == 0 && have.Discard == jetstream.DiscardOld {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	have.MaxBytes, have.MaxAge, have.Discard = maxBytes, 0, jetstream.DiscardOld
	if _, err := s.js.UpdateStream(ctx, have); err != nil {
		return fmt.Errorf("set the limits of stream %s: %w", streamName, err)
	}
	s.adopted = true
	return nil
}

// durabilityOf says what an acknowledged package has survived, as far as a
// client can find out.
func durabilityOf(cluster, version string, info *jetstream.StreamInfo) string {
	var b strings.Builder
	if cluster == "" {
		fmt.Fprintf(&b, "one NATS server (%s)", version)
	} else {
		fmt.Fprintf(&b, "NATS cluster %q (%s)", cluster, version)
	}
	switch n := info.Config.Replicas; n {
	case 1:
		b.WriteString(", 1 copy")
	default:
		fmt.Fprintf(&b, ", %d copies, acknowledged by a majority", n)
	}
	if info.Config.Storage == jetstream.MemoryStorage {
		b.WriteString(", in memory only: lost when the servers stop")
	} else {
		b.WriteString(", on disk; a server syncs it at its own sync_interval (two minutes unless set to always)")
	}
	return b.String()
}

// newStoreID returns a random identity for an event store.
func newStoreID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
