package builtin

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
)

// BenchmarkScan goes through objects with 1,000 and 20,000 patterns.
func BenchmarkScan(b *testing.B) {
	random := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 10<<20)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	code, err := os.ReadFile(program)
	if err != nil {
		b.Fatal(err)
	}
	objects := map[string][]byte{"random": noise, "program": code[:min(len(code), 10<<20)], "text": bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog. "), 10<<20/45), "1KiB": noise[:1024]}
	for _, patterns := range []int{0, 1000, 20_000} {
		var rules bytes.Buffer
		for i := range patterns {
			fmt.Fprintf(&rules, "Rule.%d high text \"", i)
			for range 12 {
				rules.WriteByte("etaoinshrdlucmfw"[random.IntN(16)])
			}
			rules.WriteString("\" anywhere\n")
		}
		path := filepath.Join(b.TempDir(), "a.rules")
		if err := os.WriteFile(path, rules.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
		e, err := New(Config{Rules: []string{path}, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = e.Close() })
		for _, name := range []string{"1KiB", "random", "program", "text"} {
			content := objects[name]
			m, s := md5.Sum(content), sha256.Sum256(content)
			o := engine.Object{Path: filepath.Join(b.TempDir(), "object"), Size: int64(len(content)), MD5: hex.EncodeToString(m[:]), SHA256: hex.EncodeToString(s[:])}
			if err := os.WriteFile(o.Path, content, 0o600); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("patterns=%d/%s", patterns, name), func(b *testing.B) {
				b.SetBytes(o.Size)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := e.Scan(context.Background(), o); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkLoad reads a list of 100,000 hashes.
func BenchmarkLoad(b *testing.B) {
	file := numbered(100_000)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseHashList(context.Background(), bytes.NewReader(file), maxHashes); err != nil {
			b.Fatal(err)
		}
	}
}
