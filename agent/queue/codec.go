package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	agentv1 "vedette/proto/agent/v1"
)

// Limits of one package, as the Central Node checks them.
const (
	MaxEvents = 1024
	MaxSize   = 900 << 10 // encoded, before compression
)

// A package file is a header and a zstd frame that holds a SendEventsRequest
// without identities and number:
//
//	 0  "VQP1"
//	 4  number, 8 bytes
//	12  events, 4 bytes
//	16  length of the frame, 4 bytes
//	20  CRC-32C of the frame
//	24  CRC-32C of the bytes before this one
//
// All numbers are little-endian.
const (
	magic      = "VQP1"
	headerSize = 28
	maxFrame   = 2 << 20
	maxFile    = headerSize + maxFrame
)

var errDamaged = errors.New("package is damaged")

type header struct {
	number uint64
	events int
	length uint32
	sum    uint32
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func readHeader(b []byte) (header, error) {
	if len(b) < headerSize || string(b[:4]) != magic {
		return header{}, fmt.Errorf("%w: no header", errDamaged)
	}
	if checksum(b[:24]) != binary.LittleEndian.Uint32(b[24:]) {
		return header{}, fmt.Errorf("%w: the header's checksum is wrong", errDamaged)
	}
	h := header{
		number: binary.LittleEndian.Uint64(b[4:]),
		events: int(binary.LittleEndian.Uint32(b[12:])),
		length: binary.LittleEndian.Uint32(b[16:]),
		sum:    binary.LittleEndian.Uint32(b[20:]),
	}
	if h.length > maxFrame || h.events > MaxEvents {
		return header{}, fmt.Errorf("%w: the header claims too much", errDamaged)
	}
	return h, nil
}

// codec turns packages into files. Its window is small: the agent's memory
// matters more than the last per cent of size.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
	raw []byte
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10))
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(4<<20))
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	return &codec{enc: enc, dec: dec}, nil
}

func (c *codec) close() {
	_ = c.enc.Close() // has no stream to end
	c.dec.Close()
}

func (c *codec) encode(number uint64, events []*agentv1.Event) ([]byte, error) {
	raw, err := proto.MarshalOptions{}.MarshalAppend(c.raw[:0], &agentv1.SendEventsRequest{Events: events})
	if err != nil {
		return nil, fmt.Errorf("encode package: %w", err)
	}
	if cap(raw) <= 128<<10 { // a rare big one is not kept
		c.raw = raw
	}
	out := c.enc.EncodeAll(raw, make([]byte, headerSize, headerSize+len(raw)/4+64))
	if len(out)-headerSize > maxFrame {
		return nil, fmt.Errorf("encode package: %d bytes are more than %d", len(out), maxFrame)
	}
	copy(out, magic)
	binary.LittleEndian.PutUint64(out[4:], number)
	binary.LittleEndian.PutUint32(out[12:], uint32(len(events)))
	binary.LittleEndian.PutUint32(out[16:], uint32(len(out)-headerSize))
	binary.LittleEndian.PutUint32(out[20:], checksum(out[headerSize:]))
	binary.LittleEndian.PutUint32(out[24:], checksum(out[:24]))
	return out, nil
}

func (c *codec) decode(number uint64, data []byte) (*agentv1.SendEventsRequest, error) {
	h, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	frame := data[headerSize:]
	if h.number != number || int(h.length) != len(frame) || checksum(frame) != h.sum {
		return nil, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	raw, err := c.dec.DecodeAll(frame, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	var req agentv1.SendEventsRequest
	if err := proto.Unmarshal(raw, &req); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return &req, nil
}
