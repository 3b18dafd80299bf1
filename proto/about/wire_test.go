package about

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden messages anew")

func testPin() (pin [32]byte) {
	for i := range pin {
		pin[i] = byte(i)
	}
	return pin
}

// allAnswers are all that a server can say.
var allAnswers = map[string]Answer{
	"answer-central-node":        {RoleCentralNode, PinUnknown},
	"answer-central-node-own":    {RoleCentralNode, PinOwn},
	"answer-central-node-sensor": {RoleCentralNode, PinSensor},
	"answer-sensor":              {RoleSensor, PinUnknown},
	"answer-sensor-own":          {RoleSensor, PinOwn},
	"answer-sensor-central-node": {RoleSensor, PinCentralNode},
}

func TestMessagesMatchTheGoldenOnes(t *testing.T) {
	messages := map[string][]byte{"question": appendQuestion(nil, testPin()), "question-role": appendQuestion(nil, [32]byte{})}
	for name, a := range allAnswers {
		b, err := a.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		messages[name] = b
		if got, err := decodeAnswer(b); err != nil || got != a {
			t.Errorf("%s became %+v, %v", name, got, err)
		}
	}
	for name, got := range messages {
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

func TestWhatNoServerSaysIsNeitherWrittenNorRead(t *testing.T) {
	for _, a := range []Answer{{}, {"", PinOwn}, {"proxy", PinOwn}, {RoleSensor, "other"}, {RoleSensor, PinSensor}, {RoleCentralNode, PinCentralNode}} {
		if b, err := a.append(nil); err == nil {
			t.Errorf("%+v was written as %x", a, b)
		}
	}
	read := 0
	for role := range 256 {
		for pin := range 256 {
			if _, err := decodeAnswer([]byte{'V', 'A', 'A', 1, byte(role), byte(pin)}); err == nil {
				read++
			}
		}
	}
	if read != len(allAnswers) {
		t.Errorf("%d answers are read, there are %d", read, len(allAnswers))
	}
}

func FuzzDecodeQuestion(f *testing.F) {
	f.Add(appendQuestion(nil, testPin()))
	f.Add(appendQuestion(nil, [32]byte{})[:35])
	f.Add([]byte("POST /vedette.agent.v1.AgentService/Sync"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pin, err := decodeQuestion(b)
		// By SPEC.md alone: 36 bytes, four of them given.
		if want := len(b) == 36 && string(b[:4]) == "VAQ\x01"; want != (err == nil) {
			t.Fatalf("%x: %v", b, err)
		}
		if err == nil && !bytes.Equal(appendQuestion(nil, pin), b) {
			t.Fatalf("%x became %x", b, pin)
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	for _, a := range allAnswers {
		b, err := a.append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:5])
	}
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAnswer(b)
		want := len(b) == 6 && string(b[:4]) == "VAA\x01" && (b[4] == 1 || b[4] == 2) && b[5] <= 3 &&
			string(b[4:]) != "\x01\x02" && string(b[4:]) != "\x02\x03"
		if want != (err == nil) {
			t.Fatalf("%x: %+v, %v", b, a, err)
		}
		if err != nil {
			return
		}
		if again, err := a.append(nil); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %+v, then %x, %v", b, a, again, err)
		}
	})
}
