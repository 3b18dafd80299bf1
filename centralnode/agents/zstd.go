package agents

import (
	"io"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that a compressed request may ask for; agents
// write with a window no larger than their package.
const maxWindow = 4 << 20

// withZstd makes the handler read and write Content-Encoding zstd (RFC 8878).
func withZstd() connect.HandlerOption {
	return connect.WithCompression("zstd",
		func() connect.Decompressor {
			d, err := zstd.NewReader(nil,
				zstd.WithDecoderConcurrency(1), // no goroutines of its own
				zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxWindow),
				zstd.WithDecoderMaxMemory(maxMessage),
			)
			if err != nil {
				panic(err) // the options above are constants
			}
			return decompressor{d}
		},
		func() connect.Compressor {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
			if err != nil {
				panic(err) // the options above are constants
			}
			return e
		})
}

// decompressor gives connect the Close with an error that it wants. The
// decoder keeps its buffers for the next request.
type decompressor struct{ *zstd.Decoder }

// Close ends one message, not the decoder.
func (d decompressor) Close() error { return d.Decoder.Reset(nil) }

// Reset starts the next message.
func (d decompressor) Reset(r io.Reader) error { return d.Decoder.Reset(r) }
