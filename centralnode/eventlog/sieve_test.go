package eventlog

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	agentv1 "vedette/proto/agent/v1"
)

// TestSieveKeepsEveryPackageWithTheText draws texts of few letters, so that many
// occur, in all their cases and over the borders of arguments.
func TestSieveKeepsEveryPackageWithTheText(t *testing.T) {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("aAkKiI\u0130\u212aé ß")), 0, 6, -1)
	kept := 0
	rapid.Check(t, func(t *rapid.T) {
		e := &agentv1.Event{Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
			Executable: word.Draw(t, "executable"), Args: rapid.SliceOfN(word, 0, 3).Draw(t, "arguments"),
		}}}
		body, err := proto.Marshal(&agentv1.SendEventsRequest{Events: []*agentv1.Event{e}})
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ToLower(word.Draw(t, "text"))
		s := newSieve(text)
		if hasText(e, text) {
			kept++
			if !s.may(body) {
				t.Fatalf("%q is in the event, and its package was passed over", text)
			}
		}
	})
	if kept == 0 {
		t.Error("no text occurred")
	}
}

func TestSievePassesOverPackagesWithoutTheText(t *testing.T) {
	body, err := encodeBody(Package{AgentID: id(1), QueueID: id(2), Events: makeEvents(1, 1, 10, 100)})
	if err != nil {
		t.Fatal(err)
	}
	for text, may := range map[string]bool{
		"": true, "/usr/bin/": true, "usr": true, "mimikatz": false, "usr mimikatz": false, "é": true, "mimikatz é": false,
	} {
		if s := newSieve(text); s.may(body) != may {
			t.Errorf("%q: %v", text, !may)
		}
	}
}

func TestUnASCIIIsAllOfIt(t *testing.T) {
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		known := slices.ContainsFunc(unASCII[:], func(b []byte) bool { return string(b) == string(r) })
		if within := unicode.ToLower(r) < utf8.RuneSelf; within != known {
			t.Errorf("%U: %v", r, within)
		}
	}
}
