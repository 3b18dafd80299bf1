package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// fetchCount and fetchBytes bound what a reader asks for at once.
	fetchCount   = 64
	fetchHeaders = 1024
	fetchBytes   = 4 << 20
	// scanWait is how long a scan waits for messages that should be there.
	scanWait = 5 * time.Second
	// scanTries is how often a scan reopens its reader without progress.
	scanTries = 3
	// consumerIdle is when the server forgets a reader that went away.
	consumerIdle = time.Minute
	// forgetTimeout is how long somebody who leaves waits until that is done.
	forgetTimeout = 2 * time.Second
	// readerPrefix begins the names of readers.
	readerPrefix = "vedette-"
)

var errGap = errors.New("reader missed a message")

// scan says which messages to read, by stream sequence, both ends included.
type scan struct {
	from, to    uint64
	filter      string
	headersOnly bool
}

// scan reads stored packages in order until visit returns false or the end is
// reached. Messages that are not packages are passed over.
func (s *session) scan(ctx context.Context, sc scan, visit func(envelope) (bool, error)) error {
	for tries := 0; sc.from <= sc.to; tries++ {
		next, err := s.scanOnce(ctx, sc, visit)
		if !errors.Is(err, errGap) {
			return err
		}
		if next > sc.from {
			tries = 0
		}
		if tries == scanTries {
			return fmt.Errorf("read the event store: %w", err)
		}
		sc.from = next
	}
	return nil
}

// reader is a consumer of the stream. Who got one, forgets it. A reader whose
// caller has left meanwhile is awaited and forgotten all the same: the server
// works on several requests at once, so that a request to forget could come
// before the reader is made, which would then stay for a while.
func (s *session) reader(ctx context.Context, from uint64, filter string, headersOnly bool) (jetstream.Consumer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	making, cancel := context.WithTimeout(s.ctx, requestTimeout)
	defer cancel()
	name := readerPrefix + rand.Text()
	c, err := s.stream.CreateConsumer(making, jetstream.ConsumerConfig{
		Name:              name,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       max(from, 1),
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubject:     filter,
		HeadersOnly:       headersOnly,
		InactiveThreshold: consumerIdle,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		s.forgetReader(name) // an answer that did not come says nothing
		if cause := s.failed(); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("open a reader of the event store: %w", err)
	}
	if err := ctx.Err(); err != nil {
		s.forgetReader(name)
		return nil, err
	}
	return c, nil
}

// forgetReader removes a consumer; the server would do so by itself later.
func (s *session) forgetReader(name string) {
	ctx, cancel := context.WithTimeout(s.ctx, forgetTimeout)
	defer cancel()
	_ = s.stream.DeleteConsumer(ctx, name) // it expires anyway
}

// scanOnce reads with one consumer. next is where to go on after errGap.
func (s *session) scanOnce(ctx context.Context, sc scan, visit func(envelope) (bool, error)) (next uint64, err error) {
	c, err := s.reader(ctx, sc.from, sc.filter, sc.headersOnly)
	if err != nil {
		return sc.from, err
	}
	defer s.forgetReader(c.CachedInfo().Name)
	next = sc.from
	count := uint64(fetchCount)
	if sc.headersOnly {
		count = fetchHeaders
	}
	delivered := uint64(0)
	for pending := c.CachedInfo().NumPending; pending > 0 && next <= sc.to; {
		before := delivered
		more := true
		err := s.fetch(ctx, c, int(min(count, pending, sc.to-next+1)), scanWait, func(m jetstream.Msg, meta *jetstream.MsgMetadata) (bool, error) {
			if delivered++; meta.Sequence.Consumer != delivered {
				return false, errGap
			}
			if meta.Sequence.Stream > sc.to {
				more = false
				return false, nil
			}
			pending, next = meta.NumPending, meta.Sequence.Stream+1
			e, err := decode(m.Subject(), nats.Header(m.Headers()), m.Data(), meta.Sequence.Stream)
			if err != nil {
				return true, nil
			}
			e.store = s.store
			more, err = visit(e)
			return more, err
		})
		if err != nil || !more {
			return next, err
		}
		if delivered == before {
			return next, errGap // removed meanwhile, or the reader is gone
		}
	}
	return next, nil
}

// fetch asks a consumer for messages, up to count of them, and gives each to
// visit as it comes until visit returns false or wait is over.
func (s *session) fetch(ctx context.Context, c jetstream.Consumer, count int, wait time.Duration, visit func(jetstream.Msg, *jetstream.MsgMetadata) (bool, error)) error {
	fctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	batch, err := c.Fetch(count, jetstream.FetchMaxBytes(fetchBytes), jetstream.FetchContext(fctx))
	if err != nil {
		return fmt.Errorf("read the event store: %w", err)
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read the event store: %w", err)
		}
		if more, err := visit(m, meta); err != nil || !more {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := errors.Join(ctx.Err(), s.failed()); err != nil {
		return err
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", errGap, err)
	}
	return nil
}

// since finds the first stream sequence whose package arrived at or after t;
// without one it is the sequence after the last. It asks the packages, for the
// server's clock may be another one.
func (s *session) since(ctx context.Context, st jetstream.StreamState, t time.Time) (uint64, error) {
	if st.Msgs == 0 {
		return st.LastSeq + 1, nil
	}
	var failed error
	n := sort.Search(int(st.LastSeq-st.FirstSeq+1), func(i int) bool {
		if failed != nil {
			return true
		}
		m, err := s.stream.GetMsg(ctx, st.FirstSeq+uint64(i))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return false // removed since st was read, so it is old
		}
		if err != nil {
			failed = fmt.Errorf("read the event store: %w", err)
			return true
		}
		e, err := decode(m.Subject, m.Header, nil, m.Sequence)
		return err == nil && !e.received.Before(t)
	})
	return st.FirstSeq + uint64(n), failed
}
