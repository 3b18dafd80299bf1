package uplink

import (
	"context"
	"crypto/tls"
	"time"

	"connectrpc.com/connect"

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
