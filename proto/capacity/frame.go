package capacity

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// version is that of the conversation. A peer that does not know it refuses.
const version = 1

// Sizes on the wire. A data frame with its header is what the link passes on in one piece.
const (
	requestSize = 20
	answerSize  = 5
	headerSize  = 3
	maxFrame    = 16 << 10
	reportSize  = headerSize + 16
)

// Kinds of frames: a kind u8 and a length u16 of what follows.
const (
	kindData   = 1
	kindEnd    = 2
	kindReport = 3
)

// appendRequest: "VCQ", version, flags (1: back), three zeros, milliseconds u32, bit/s u64.
func appendRequest(b []byte, s Spec) []byte {
	b = append(b, 'V', 'C', 'Q', version, 0, 0, 0, 0)
	if s.Back {
		b[len(b)-4] = 1
	}
	b = binary.BigEndian.AppendUint32(b, uint32(s.Duration.Milliseconds()))
	return binary.BigEndian.AppendUint64(b, s.Rate)
}

// readRequest reads what a Sensor asks for. A test that this end does not know is RefusedVersion.
func readRequest(r io.Reader) (Spec, error) {
	var b [requestSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Spec{}, err
	}
	if string(b[:3]) != "VCQ" {
		return Spec{}, fmt.Errorf("%w: no request", ErrProtocol)
	}
	s := Spec{
		Duration: time.Duration(binary.BigEndian.Uint32(b[8:])) * time.Millisecond,
		Rate:     binary.BigEndian.Uint64(b[12:]),
		Back:     b[4] == 1,
	}
	checked, err := s.Check()
	if b[3] != version || b[4] > 1 || b[5]|b[6]|b[7] != 0 || err != nil || checked != s {
		return Spec{}, RefusedVersion
	}
	return s, nil
}

// appendAnswer: "VCA", version, refusal u8 (0: go).
func appendAnswer(b []byte, r Refusal) []byte { return append(b, 'V', 'C', 'A', version, byte(r)) }

// readAnswer returns a Refusal as an error.
func readAnswer(r io.Reader) error {
	var b [answerSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return err
	}
	switch {
	case string(b[:3]) != "VCA":
		return fmt.Errorf("%w: no answer", ErrProtocol)
	case b[4] != 0:
		return Refusal(b[4])
	case b[3] != version:
		return RefusedVersion
	}
	return nil
}

func appendHeader(b []byte, kind byte, length int) []byte {
	return binary.BigEndian.AppendUint16(append(b, kind), uint16(length))
}

// report is what the receiver has, all headers and End included, and when that was, from its beginning.
type report struct {
	bytes uint64
	at    time.Duration
}

func appendReport(b []byte, r report) []byte {
	b = appendHeader(b, kindReport, reportSize-headerSize)
	b = binary.BigEndian.AppendUint64(b, r.bytes)
	return binary.BigEndian.AppendUint64(b, uint64(r.at.Microseconds()))
}

// readReport reads the next report of a stream on which nothing else comes.
func readReport(r io.Reader) (report, error) {
	var b [reportSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return report{}, err
	}
	if b[0] != kindReport || binary.BigEndian.Uint16(b[1:]) != reportSize-headerSize {
		return report{}, fmt.Errorf("%w: a frame of kind %d where a report must be", ErrProtocol, b[0])
	}
	micros := binary.BigEndian.Uint64(b[headerSize+8:])
	if micros > uint64((MaxDuration + graceTime).Microseconds()) {
		return report{}, fmt.Errorf("%w: a report of later than the test can last", ErrReport)
	}
	return report{binary.BigEndian.Uint64(b[headerSize:]), time.Duration(micros) * time.Microsecond}, nil
}
