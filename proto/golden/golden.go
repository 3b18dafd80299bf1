// Package golden holds messages to the bytes that they had in the version of
// the contract which brought them. It is for tests.
package golden

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// Check compares the deterministic encoding of each message with
// testdata/NAME.hex, and reads it back. With -update in the test's arguments
// the files are written anew.
func Check(t *testing.T, messages map[string]proto.Message) {
	t.Helper()
	update := flag.Lookup("update") != nil && flag.Lookup("update").Value.String() == "true"
	for name, m := range messages {
		t.Run(name, func(t *testing.T) {
			raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".hex")
			if update {
				if err := os.WriteFile(path, []byte(hex.EncodeToString(raw)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := hex.DecodeString(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if string(raw) != string(want) {
				t.Errorf("encoded\n%x, golden\n%x", raw, want)
			}
			back := m.ProtoReflect().New().Interface()
			if err := proto.Unmarshal(want, back); err != nil || !proto.Equal(back, m) {
				t.Errorf("the golden frame reads as %v, %v", back, err)
			}
		})
	}
}
