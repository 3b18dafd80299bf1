package eventlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
)

// Headers of a stored message. Texts that others chose are percent-encoded, so
// that none of them can add a header.
const (
	headerSeq      = "Vedette-Seq"
	headerDigest   = "Vedette-Digest"
	headerReceived = "Vedette-Received"
	headerWay      = "Vedette-Way"
	headerRemote   = "Vedette-Remote"
	headerLeaf     = "Vedette-Leaf"
	headerHost     = "Vedette-Host"
	headerRevision = "Vedette-Revision"
)

const (
	subjectPrefix = "events."
	subjectAll    = "events.*.*"
	// maxHost and maxWay bound the texts that travel in headers, in bytes.
	maxHost = 512
	maxWay  = 128
)

// digest identifies the content of a package within its queue.
type digest uint64

// entry is a package on its way into the store.
type entry struct {
	key    QueueKey
	seq    uint64
	digest digest
	msg    *nats.Msg
}

// envelope is a message on its way out; the body stays encoded.
type envelope struct {
	key       QueueKey
	seq       uint64
	digest    digest
	received  time.Time
	way       string
	remote    string
	leaf      pki.Fingerprint
	host      string
	revision  uint64
	body      []byte
	streamSeq uint64
	store     string // where it lies; empty when that is of no matter
}

// encode checks a package and makes the message that will be stored.
func encode(p Package, received time.Time) (entry, error) {
	key := QueueKey{AgentID: p.AgentID, QueueID: p.QueueID}
	switch {
	case !agentv1.ValidID(p.AgentID):
		return entry{}, fmt.Errorf("%w: agent id must be 32 lower-case hexadecimal digits", ErrInvalid)
	case !agentv1.ValidID(p.QueueID):
		return entry{}, fmt.Errorf("%w: queue id must be 32 lower-case hexadecimal digits", ErrInvalid)
	case len(p.Events)+len(p.Encoded) > MaxEvents:
		return entry{}, fmt.Errorf("%w: %d events, at most %d", ErrInvalid, len(p.Events)+len(p.Encoded), MaxEvents)
	case len(p.Host) > maxHost:
		return entry{}, fmt.Errorf("%w: host name over %d bytes", ErrInvalid, maxHost)
	case len(p.Way) > maxWay || len(p.Remote) > maxWay:
		return entry{}, fmt.Errorf("%w: way or address over %d bytes", ErrInvalid, maxWay)
	}
	for i, e := range p.Events {
		if e == nil {
			return entry{}, fmt.Errorf("%w: event %d is missing", ErrInvalid, i)
		}
	}
	body, err := encodeBody(p)
	if err != nil {
		return entry{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(body) > MaxStored {
		return entry{}, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(body), MaxStored)
	}
	sum := sha256.Sum256(body)
	d := digest(binary.BigEndian.Uint64(sum[:8]))

	msg := nats.NewMsg(key.subject())
	msg.Data = body
	h := msg.Header
	h.Set(headerSeq, strconv.FormatUint(p.Seq, 10))
	h.Set(headerDigest, d.String())
	h.Set(headerReceived, received.UTC().Format(time.RFC3339Nano))
	h.Set(headerWay, url.PathEscape(p.Way))
	h.Set(headerRemote, url.PathEscape(p.Remote))
	h.Set(headerHost, url.PathEscape(p.Host))
	h.Set(headerRevision, strconv.FormatUint(p.PolicyRevision, 10))
	if !p.Leaf.IsZero() {
		h.Set(headerLeaf, p.Leaf.String())
	}
	return entry{key: key, seq: p.Seq, digest: d, msg: msg}, nil
}

// decode reads the headers of a stored message.
func decode(subject string, h nats.Header, body []byte, streamSeq uint64) (envelope, error) {
	e := envelope{body: body, streamSeq: streamSeq}
	agent, queue, ok := strings.Cut(strings.TrimPrefix(subject, subjectPrefix), ".")
	if !ok || !agentv1.ValidID(agent) || !agentv1.ValidID(queue) {
		return e, fmt.Errorf("message %d: subject is not a package's", streamSeq)
	}
	e.key = QueueKey{AgentID: agent, QueueID: queue}
	var errs [8]error
	var d uint64
	e.seq, errs[0] = strconv.ParseUint(h.Get(headerSeq), 10, 64)
	d, errs[1] = strconv.ParseUint(h.Get(headerDigest), 16, 64)
	e.digest = digest(d)
	e.received, errs[2] = time.Parse(time.RFC3339Nano, h.Get(headerReceived))
	e.way, errs[3] = url.PathUnescape(h.Get(headerWay))
	e.remote, errs[4] = url.PathUnescape(h.Get(headerRemote))
	e.host, errs[5] = url.PathUnescape(h.Get(headerHost))
	e.revision, errs[6] = strconv.ParseUint(h.Get(headerRevision), 10, 64)
	if leaf := h.Get(headerLeaf); leaf != "" {
		e.leaf, errs[7] = pki.ParseFingerprint(leaf)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return e, fmt.Errorf("message %d: headers: %w", streamSeq, err)
	}
	return e, nil
}

// events decodes the body.
func (e *envelope) events() ([]*agentv1.Event, error) {
	var req agentv1.SendEventsRequest
	if err := proto.Unmarshal(e.body, &req); err != nil {
		return nil, fmt.Errorf("message %d: body: %w", e.streamSeq, err)
	}
	return req.Events, nil
}

// record makes the record of one event of the package.
func (e *envelope) record(i int, ev *agentv1.Event) Record {
	return Record{
		Received: e.received, AgentID: e.key.AgentID, Store: e.store, Place: e.streamSeq, PackageSeq: e.seq, Index: i,
		Way: e.way, Remote: e.remote, Leaf: e.leaf, Host: e.host,
		PolicyRevision: e.revision, Event: ev,
	}
}

// subject is where the queue's packages are stored.
func (k QueueKey) subject() string { return subjectPrefix + k.AgentID + "." + k.QueueID }

// String is the form of digest in headers.
func (d digest) String() string { return fmt.Sprintf("%016x", uint64(d)) }
