package events

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vedette/centralnode/eventlog"
)

const storeID = "0123456789abcdef0123456789abcdef"

func TestTokenIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := eventlog.Cursor{
			Store: rapid.StringN(0, -1, maxStore).Draw(t, "store"), Place: rapid.Uint64().Draw(t, "place"),
			Index: rapid.IntRange(0, math.MaxInt32).Draw(t, "index"), Skipped: rapid.Uint64().Draw(t, "skipped"),
		}
		token := encodeToken(c)
		if got, err := parseToken(token); err != nil || got != c {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
		if url.QueryEscape(token) != token || len(token) > maxToken {
			t.Errorf("token %q means something in a URL, or is too long", token)
		}
	})
}

func TestTokenWithASlipIsRefused(t *testing.T) {
	token := encodeToken(eventlog.Cursor{Store: storeID, Place: 1234567, Index: 89})
	for i := range token {
		for _, other := range []string{token[:i], token[:i] + token[i+1:], token[:i] + "x" + token[i:], token[:i] + "9" + token[i+1:]} {
			if c, err := parseToken(other); err == nil && other != token {
				t.Errorf("%q is read as %+v", other, c)
			}
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add("")
	f.Add(encodeToken(eventlog.Cursor{}))
	f.Add(encodeToken(eventlog.Cursor{Store: storeID, Place: 7, Index: 3, Skipped: 1}))
	f.Add(encodeToken(eventlog.Cursor{Store: strings.Repeat("x", maxStore), Place: math.MaxUint64, Index: math.MaxInt32, Skipped: math.MaxUint64}))
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseToken(s)
		if err == nil && encodeToken(c) != s {
			t.Errorf("%q is read as %+v, which is written %q", s, c, encodeToken(c))
		}
		if err == nil && c.Index < 0 {
			t.Errorf("%q has the index %d", s, c.Index)
		}
	})
}
