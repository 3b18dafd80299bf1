package link

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// refDecode is a second decoder, written from SPEC.md alone and on purpose in another manner. It says whether a frame is
// taken, skipped or refused, and gives its fields as one flat list.
func refDecode(b []byte) (fields []any, verdict string) {
	r := bytes.NewReader(b)
	var h struct {
		Type, Flags uint8
		Len         uint16
		Stream      uint32
	}
	if binary.Read(r, binary.BigEndian, &h) != nil || h.Len > 16392 || r.Len() < int(h.Len) {
		return nil, "refused"
	}
	body := b[8 : 8+int(h.Len)]
	u := func(at, n int) (v uint64) {
		for _, c := range body[at : at+n] {
			v = v<<8 | uint64(c)
		}
		return v
	}
	n, bad := len(body), false
	switch {
	case h.Type == 3:
		bad = h.Stream == 0 || h.Flags != 0 || n < 2 || u(0, 2) > 9216 || int(u(0, 2)) > n-2
		if !bad {
			fields = []any{string(body[2 : 2+u(0, 2)]), string(body[2+u(0, 2):])}
		}
	case h.Type == 4:
		bad = h.Flags > 1 || n < 8 || u(0, 8) > 1<<62 || h.Stream == 0 && h.Flags == 1
		if !bad {
			fields = []any{u(0, 8), string(body[8:]), h.Flags}
		}
	case h.Type == 5:
		bad = h.Flags != 0 || n != 16 || u(0, 8) > 1<<62 || u(8, 8) > 1<<62
		if !bad {
			fields = []any{u(0, 8), u(8, 8)}
		}
	case h.Type == 6 && h.Flags == 1:
		bad = h.Stream == 0 || n != 0
	case h.Type == 6 || h.Type == 10:
		bad = (h.Stream == 0) == (h.Type == 6) || h.Flags != 0 || n < 3 || n != 3+int(body[2]) || body[2] > 128
		if !bad {
			fields = []any{u(0, 2), string(body[3:])}
		}
	case h.Type == 7:
		bad = h.Stream != 0 || h.Flags > 1 || n != 8
		if !bad {
			fields = []any{u(0, 8), h.Flags}
		}
	case h.Type == 8:
		bad = h.Stream != 0 || h.Flags != 0 || n != 0
	case h.Type == 9:
		bad = h.Stream != 0 || h.Flags != 0 || n != 2
		if !bad {
			fields = []any{u(0, 2)}
		}
	case h.Type > 10 && h.Flags&0x80 != 0, h.Type == 0 && h.Flags&0x80 != 0:
		return nil, "skipped"
	default:
		bad = true
	}
	if bad {
		return nil, "refused"
	}
	return fields, "taken"
}

// flat gives the fields of a frame in the order of refDecode.
func flat(f frame) []any {
	bit := uint8(0)
	if f.flag {
		bit = 1
	}
	switch f.kind {
	case typeOpen:
		return []any{string(f.meta), string(f.data)}
	case typeData:
		return []any{f.offset, string(f.data), bit}
	case typeWindow:
		return []any{f.ack, f.max}
	case typeReset, typeClose:
		if f.kind == typeReset && f.flag {
			return nil
		}
		return []any{uint64(f.code), f.reason}
	case typePing:
		return []any{f.nonce, bit}
	case typeGoAway:
		return []any{uint64(f.code)}
	}
	return nil
}

func FuzzDecodeAgreesWithReference(f *testing.F) {
	for _, b := range goldenFrames(f) {
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Add(appendHeader(nil, 0x33, flagOptional, 0, 5))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok, err := decodeOne(b)
		verdict := "taken"
		if err != nil {
			verdict = "refused"
		} else if !ok {
			verdict = "skipped"
		}
		fields, want := refDecode(b)
		if verdict != want {
			t.Fatalf("%s, the reference says %s (%v)", verdict, want, err)
		}
		if verdict != "taken" {
			return
		}
		have := flat(got)
		if len(have) != len(fields) {
			t.Fatalf("fields %v, the reference has %v", have, fields)
		}
		for i := range have {
			if have[i] != fields[i] {
				t.Fatalf("fields %v, the reference has %v", have, fields)
			}
		}
	})
}

func FuzzDecodeHandshake(f *testing.F) {
	for _, name := range []string{"hello", "welcome"} {
		f.Add(goldenFrames(f)[name])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerSize {
			return
		}
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		body := b[headerSize:]
		if m, err := decodeHello(h, body); err == nil {
			if again := m.append(nil); !bytes.Equal(again[headerSize:], body[:helloSize]) {
				t.Fatalf("HELLO %x became %x", b, again)
			}
		}
		if m, err := decodeWelcome(h, body); err == nil {
			if again := m.append(nil); !bytes.Equal(again[headerSize:], body[:welcomeSize]) {
				t.Fatalf("WELCOME %x became %x", b, again)
			}
		}
	})
}

func FuzzDecodeMeta(f *testing.F) {
	f.Add(testMeta(f))
	f.Add(appendTLV(nil, metaCritical|99, []byte("x")))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMeta(b)
		if err != nil {
			return
		}
		again, err := m.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		n, err := decodeMeta(again)
		if err != nil || n.Address != m.Address || n.TLSVersion != m.TLSVersion || n.ALPN != m.ALPN || !bytes.Equal(n.Leaf, m.Leaf) {
			t.Fatalf("%+v became %+v, %v", m, n, err)
		}
	})
}
