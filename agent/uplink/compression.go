package uplink

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"
)

const compressionName = "zstd"

// Compression shares zstd encoders and decoders among clients. Connect servers
// compress their answers like the request, whatever it accepts, so answers are
// decompressed too: with little memory, and Client reads MaxBody of them.
type Compression struct{ encoders, decoders sync.Pool }

// NewCompression makes one.
func NewCompression() *Compression { return new(Compression) }

func (c *Compression) option() connect.ClientOption {
	return connect.WithAcceptCompression(compressionName,
		func() connect.Decompressor { return &decompressor{shared: c} },
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

// maxWindow bounds what an answer may make a decoder allocate.
const maxWindow = 128 << 10

// decompressor borrows a decoder for one message.
type decompressor struct {
	shared *Compression
	dec    *zstd.Decoder
}

func (d *decompressor) Reset(r io.Reader) error {
	d.dec = nil
	if r == nil || r == http.NoBody {
		return nil
	}
	if dec, ok := d.shared.decoders.Get().(*zstd.Decoder); ok {
		d.dec = dec
		return dec.Reset(r)
	}
	var err error
	d.dec, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(1<<20), zstd.WithDecoderMaxWindow(maxWindow))
	return err
}

func (d *decompressor) Read(b []byte) (int, error) {
	if d.dec == nil {
		return 0, io.EOF
	}
	return d.dec.Read(b)
}

func (d *decompressor) Close() error {
	if d.dec == nil {
		return nil
	}
	err := d.dec.Reset(nil)
	d.shared.decoders.Put(d.dec)
	d.dec = nil
	return err
}
