package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"

	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

// ClientOptions say whom to talk to and how.
type ClientOptions struct {
	Address string            // host:port
	Pins    pki.PinCheck      // nil refuses every server
	Client  *pki.Pair         // nil: no client certificate
	Timeout time.Duration     // of connecting and of each answer
	Zstd    *Compression      // nil: packages are sent as they are
	TLS     func(*tls.Config) // changes the TLS configuration, for benchmarks; usually nil
}

// Client calls the agent service of one server. It is safe for concurrent use;
// calls run one after the other.
type Client struct {
	*Transport
	service agentv1connect.AgentServiceClient
}

// NewClient makes a client; it connects with the first call.
func NewClient(o ClientOptions) *Client {
	var cert *tls.Certificate
	if o.Client != nil {
		c := o.Client.TLS()
		cert = &c
	}
	config := pki.ClientConfig(o.Pins, cert)
	if o.TLS != nil {
		o.TLS(config)
	}
	t := NewTransport(o.Address, config, o.Timeout)
	options := []connect.ClientOption{connect.WithReadMaxBytes(MaxBody), connect.WithAcceptCompression("gzip", nil, nil)}
	if o.Zstd != nil {
		options = append(options, o.Zstd.option(), connect.WithSendCompression(compressionName), connect.WithCompressMinBytes(512))
	}
	return &Client{Transport: t, service: agentv1connect.NewAgentServiceClient(doer{t}, "https://"+o.Address, options...)}
}

// Sync calls the method of that name.
func (c *Client) Sync(ctx context.Context, r *agentv1.SyncRequest) (*agentv1.SyncResponse, error) {
	return c.service.Sync(ctx, r)
}

// SendEvents calls the method of that name.
func (c *Client) SendEvents(ctx context.Context, r *agentv1.SendEventsRequest) (*agentv1.SendEventsResponse, error) {
	return c.service.SendEvents(ctx, r)
}

const compressionName = "zstd"

// Compression shares zstd encoders among clients.
type Compression struct{ encoders sync.Pool }

// NewCompression makes one.
func NewCompression() *Compression { return new(Compression) }

func (c *Compression) option() connect.ClientOption {
	return connect.WithAcceptCompression(compressionName,
		func() connect.Decompressor { return refusing{} },
		func() connect.Compressor { return &compressor{shared: c} })
}

func (c *Compression) encoder(w io.Writer) (*zstd.Encoder, error) {
	if e, ok := c.encoders.Get().(*zstd.Encoder); ok {
		e.Reset(w)
		return e, nil
	}
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10))
}

// compressor borrows an encoder for one message.
type compressor struct {
	shared *Compression
	enc    *zstd.Encoder
}

func (c *compressor) Reset(w io.Writer) {
	c.enc = nil
	if w == nil || w == io.Discard {
		return
	}
	// The options are constants that NewWriter accepts.
	c.enc, _ = c.shared.encoder(w)
}

func (c *compressor) Write(b []byte) (int, error) {
	if c.enc == nil {
		return 0, errors.New("compressor has nowhere to write")
	}
	return c.enc.Write(b)
}

func (c *compressor) Close() error {
	if c.enc == nil {
		return nil
	}
	err := c.enc.Close()
	c.enc.Reset(nil)
	c.shared.encoders.Put(c.enc)
	c.enc = nil
	return err
}

// refusing never decompresses: compressed answers are refused before.
type refusing struct{}

func (refusing) Read([]byte) (int, error) { return 0, errBadAnswer }
func (refusing) Close() error             { return nil }
func (refusing) Reset(io.Reader) error    { return errBadAnswer }
