package link

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden frames anew")

func testMeta(t testing.TB) []byte {
	t.Helper()
	m := Meta{Address: netip.MustParseAddrPort("192.0.2.7:50123"), TLSVersion: 0x0304, ALPN: "http/1.1", Leaf: []byte("leaf in DER")}
	b, err := m.append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testHello() hello {
	return hello{minVersion: 1, maxVersion: 3, caps: 5, link: ID{1, 2}, epoch: ID{15: 9}, lane: 7, class: Bulk,
		limits: limits{initWindow: 32 << 10, maxStreams: 12000, maxLanes: 8}}
}

func goldenFrames(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"hello":    testHello().append(nil),
		"welcome":  welcome{version: 1, caps: 4, epoch: ID{15: 9}, limits: limits{16 << 10, 100, 4}}.append(nil),
		"open":     appendOpen(nil, 1, testMeta(t), []byte("first bytes")),
		"data":     appendData(nil, 2, 70000, false, []byte("some bytes")),
		"data-fin": appendData(nil, 2, 70010, true, nil),
		"window":   appendWindow(nil, 3, 70011, 102778),
		"rst":      appendReset(nil, 4, CodeBusy, "too many streams"),
		"rst-ack":  appendResetAck(nil, 4),
		"ping":     appendPing(nil, 0x1122334455667788, false),
		"pong":     appendPing(nil, 0x1122334455667788, true),
		"drain":    appendDrain(nil),
		"goaway":   appendGoAway(nil, CodeShutdown),
		"close":    appendClose(nil, CodeFlow, "stream 3 beyond its credit"),
	}
}

func TestFramesMatchTheGoldenOnes(t *testing.T) {
	for name, got := range goldenFrames(t) {
		path := filepath.Join("testdata", name+".hex")
		if *update {
			if err := os.WriteFile(path, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSpace(string(text)); hex.EncodeToString(got) != want {
			t.Errorf("%s: got %x, want %s", name, got, want)
		}
	}
}

func TestVersionIsTheNewestOfADatedList(t *testing.T) {
	last := versions[len(versions)-1]
	if last.number != Version {
		t.Errorf("Version is %d, the list ends with %d", Version, last.number)
	}
	for i, v := range versions {
		if _, err := time.Parse(time.DateOnly, v.date); err != nil || int(v.number) != i+1 || v.brought == "" {
			t.Errorf("entry %d: %+v, %v", i, v, err)
		}
	}
}

func TestHighestCommonVersionIsChosen(t *testing.T) {
	for _, c := range []struct {
		lo, hi, want uint16
		ok           bool
	}{{1, 1, 1, true}, {1, 9, 1, true}, {2, 9, 0, false}, {0, 0, 0, false}} {
		if v, ok := chooseVersion(c.lo, c.hi); ok != c.ok || ok && v != c.want {
			t.Errorf("%d to %d: %d, %v", c.lo, c.hi, v, ok)
		}
	}
}

func TestHandshakeFramesAreReadBackAndMayGrow(t *testing.T) {
	want := testHello()
	b := want.append(nil)
	grown := append(append([]byte(nil), b...), "of a later version"...)
	binary.BigEndian.PutUint16(grown[2:], uint16(len(grown)-headerSize))
	for _, b := range [][]byte{b, grown} {
		h, _ := parseHeader(b)
		if got, err := decodeHello(h, b[headerSize:]); err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	huge := append(b, make([]byte, maxHello)...)
	binary.BigEndian.PutUint16(huge[2:], uint16(len(huge)-headerSize))
	h, _ := parseHeader(huge)
	if err := checkHello(h); err == nil {
		t.Error("a HELLO over 512 bytes was taken")
	}
}

func TestMetaIsReadBack(t *testing.T) {
	for _, want := range []Meta{
		{},
		{Address: netip.MustParseAddrPort("[2001:db8::1]:65535"), TLSVersion: 0x0303, ALPN: strings.Repeat("a", maxALPN), Leaf: bytes.Repeat([]byte{7}, maxLeaf)},
		{Measure: true},
	} {
		b, err := want.append(nil)
		if err != nil || len(b) > maxMeta {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		got, err := decodeMeta(b)
		if err != nil || got.Address != want.Address || got.TLSVersion != want.TLSVersion || got.ALPN != want.ALPN || !bytes.Equal(got.Leaf, want.Leaf) || got.Measure != want.Measure {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if _, err := (&Meta{Leaf: make([]byte, maxLeaf+1)}).append(nil); !errors.Is(err, ErrMetaTooLarge) {
		t.Errorf("a leaf over 8 KiB: %v", err)
	}
}

func TestAMeasurementIsNeverTakenForAnAgent(t *testing.T) {
	b, err := (&Meta{Measure: true}).append(nil)
	if err != nil || len(b) != 3 || b[0] != metaCritical|metaMeasure {
		t.Fatalf("metadata % x, %v: who does not know it must refuse the stream", b, err)
	}
	if _, err := decodeMeta([]byte{metaMeasure, 0, 1, 1}); err == nil {
		t.Error("a measurement with a value was taken")
	}
	// One turn for everything that measures, whatever else it says, and never that of an agent.
	agent, test := Meta{Address: netip.MustParseAddrPort("192.0.2.7:1")}, Meta{Measure: true, Address: netip.MustParseAddrPort("192.0.2.7:1")}
	if test.owner() != (&Meta{Measure: true}).owner() || test.owner() == agent.owner() || test.owner() == (&Meta{}).owner() {
		t.Error("a measurement shares an agent's turn")
	}
}

func TestUnknownMetadataIsSkippedUnlessCritical(t *testing.T) {
	b := appendTLV(testMeta(t), 9, []byte("later"))
	if m, err := decodeMeta(b); err != nil || m.ALPN != "http/1.1" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := decodeMeta(appendTLV(b, metaCritical|9, nil)); !errors.Is(err, errCritical) {
		t.Errorf("critical metadata: %v", err)
	}
}

func TestMalformedFramesAreRefused(t *testing.T) {
	u16 := func(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
	for name, b := range map[string][]byte{
		"too long":                 appendHeader(nil, typeData, 0, maxBody+1, 1),
		"unknown type":             appendHeader(nil, 0x33, 0, 0, 1),
		"unknown flag":             appendHeader(nil, typeWindow, 2, 16, 1),
		"optional on a known type": appendHeader(nil, typeDrain, flagOptional, 0, 0),
		"short data":               append(appendHeader(nil, typeData, 0, 7, 1), make([]byte, 7)...),
		"long window":              append(appendHeader(nil, typeWindow, 0, 17, 1), make([]byte, 17)...),
		"open on control":          append(appendHeader(nil, typeOpen, 0, 2, 0), 0, 0),
		"ping on a stream":         append(appendHeader(nil, typePing, 0, 8, 1), make([]byte, 8)...),
		"metadata beyond open":     append(appendHeader(nil, typeOpen, 0, 3, 1), 0, 2, 0),
		"too much metadata":        append(append(appendHeader(nil, typeOpen, 0, 2+maxMeta+1, 1), u16(maxMeta+1)...), make([]byte, maxMeta+1)...),
		"FIN on control":           appendData(nil, 0, 0, true, nil),
		"offset overflow":          appendData(nil, 1, 1<<63, false, nil),
		"window overflow":          appendWindow(nil, 1, 0, 1<<63),
		"reason too long":          append(append(appendHeader(nil, typeReset, 0, 3+200, 1), 0, 1, 200), make([]byte, 200)...),
		"reason cut":               append(appendHeader(nil, typeReset, 0, 3, 1), 0, 1, 4),
		"ack with a body":          append(appendHeader(nil, typeReset, flagACK, 3, 1), 0, 1, 0),
		"hello again":              testHello().append(nil),
	} {
		_, ok, err := decodeOne(b)
		if e := (*Error)(nil); ok && err == nil || !errors.As(err, &e) || e.Code != CodeProtocol {
			t.Errorf("%s: ok %v, error %v", name, ok, err)
		}
	}
	if _, ok, err := decodeOne(appendHeader(nil, 0x33, flagOptional, 0, 77)); ok || err != nil {
		t.Errorf("an unknown optional frame is skipped: %v, %v", ok, err)
	}
}

// decodeOne decodes a buffer that holds one whole frame and says whether it is one to act on.
func decodeOne(b []byte) (frame, bool, error) {
	if len(b) < headerSize {
		return frame{}, false, violation("cut header")
	}
	h, err := parseHeader(b)
	if err != nil || len(b) < headerSize+h.length {
		return frame{}, false, errors.Join(err, violation("cut frame"))
	}
	return decode(h, b[headerSize:headerSize+h.length])
}
