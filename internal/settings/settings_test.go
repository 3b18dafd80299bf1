package settings

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

type listen struct {
	Agents  string `toml:"agents"`
	Web     string `toml:"web"`
	Backlog uint16 `toml:"backlog"`
}

type server struct {
	Address string   `toml:"address"`
	Timeout Duration `toml:"timeout"`
}

type limits struct {
	Memory Size    `toml:"memory"`
	Share  float64 `toml:"share"`
}

type config struct {
	State    string            `toml:"state"`
	Listen   listen            `toml:"listen"`
	Sync     Duration          `toml:"sync_period"`
	Names    []string          `toml:"names"`
	Waits    []Duration        `toml:"waits"`
	Servers  []server          `toml:"server"`
	Labels   map[string]string `toml:"labels"`
	Hosts    map[string]server `toml:"hosts"`
	Password string            `toml:"password" secret:"true"`
	Enabled  bool              `toml:"enabled"`
	Level    int8              `toml:"level"`
	Backup   *server           `toml:"backup"`
	limits
	Hidden string `toml:"-"`
}

func defaults() config {
	return config{
		State:  "/var/lib/x",
		Listen: listen{Agents: ":443", Web: ":8443"},
		Sync:   Duration(5 * time.Minute),
		Names:  []string{"a", "b"},
		limits: limits{Memory: 64 << 20},
	}
}

func TestTheFileOverridesDefaultsAndOriginsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.toml")
	const text = "\ufeff" + `state = "/srv"   # moved
sync_period = "90s"
memory = 1024
names = [
  "c",
]
labels = { site = "north", "a b" = "x" }

[listen]
agents = ":10443"

[[server]]
address = "one"
[[server]]
address = "two"
timeout = "10s"

[hosts.alpha]
address = "x"
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := defaults()
	origins, err := Load(path, &c)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.State, want.Sync, want.Memory, want.Names = "/srv", Duration(90*time.Second), 1024, []string{"c"}
	want.Labels = map[string]string{"site": "north", "a b": "x"}
	want.Listen.Agents = ":10443"
	want.Servers = []server{{Address: "one"}, {Address: "two", Timeout: Duration(10 * time.Second)}}
	want.Hosts = map[string]server{"alpha": {Address: "x"}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	origins.Set("enabled", "flag --enabled")
	for key, want := range map[string]string{
		"state": path + ":1", "sync_period": path + ":2", "memory": path + ":3", "names": path + ":4", "names[0]": path + ":5",
		"labels.site": path + ":7", `labels."a b"`: path + ":7", "listen.agents": path + ":10", "listen.web": "default",
		"server[0].timeout": path + ":12", "server[1].timeout": path + ":16", "hosts.alpha.address": path + ":19",
		"enabled": "flag --enabled", "password": "default",
	} {
		if got := origins.Of(key); got != want {
			t.Errorf("Of(%q) = %q, want %q", key, got, want)
		}
	}
}

// faults decodes a text and returns its faults as lines without the file.
func faults(t *testing.T, text string) []string {
	t.Helper()
	c := defaults()
	_, err := Decode("F", []byte(text), &c)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("Decode(%q): %v, want an *Error", text, err)
	}
	var out []string
	for _, f := range e.Faults {
		out = append(out, strings.TrimPrefix(f.String(), "F:"))
	}
	return out
}

func TestEachFaultHasItsPlaceAndItsWords(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"stat = 'x'", `1:1: unknown key "stat" (did you mean "state"?)`},
		{"State = 'x'", `1:1: unknown key "State" (did you mean "state"?)`},
		{"sync-period = '1s'", `1:1: unknown key "sync-period" (did you mean "sync_period"?)`},
		{"\n  zzz = 1", `2:3: unknown key "zzz"`},
		{"agents = ':1'", `1:1: unknown key "agents" (did you mean "listen.agents"?)`},
		{"[listne]\nx = 1", `1:2: unknown key "listne" (did you mean "listen"?)`},
		{"[listen]\nwbe = ':1'", `2:1: unknown key "listen.wbe" (did you mean "web"?)`},
		{"listen.wbe = ':1'", `1:8: unknown key "listen.wbe" (did you mean "web"?)`},
		{"listen = { wbe = ':1' }", `1:12: unknown key "listen.wbe" (did you mean "web"?)`},
		{"[[server]]\nport = 1", `2:1: unknown key "server[0].port"`},
		{"Hidden = 'x'", `1:1: unknown key "Hidden"`},
		{"state = 1", `1:9: "state" wants a text in quotes, not a number`},
		{"enabled = 'yes'", `1:11: "enabled" wants true or false, not a text`},
		{"sync_period = 30", `1:15: "sync_period" wants a duration such as "30s", not a number`},
		{"sync_period = 'soon'", `1:15: "sync_period": "soon" is not a duration: write it like "30s", "5m" or "1h30m"`},
		{"sync_period = '-1s'", `1:15: "sync_period": duration "-1s" is negative`},
		{"memory = '64MB'", `1:10: "memory": "64MB" is not a size: write it like "64MiB", "512KiB" or "2GiB"`},
		{"memory = -1", `1:10: "memory": "-1" is not a size: write it like "64MiB", "512KiB" or "2GiB"`},
		{"memory = '9999999TiB'", `1:10: "memory": size "9999999TiB" is too large`},
		{"level = 128", `1:9: "level": 128 is not between -128 and 127`},
		{"listen.backlog = -1", `1:18: "listen.backlog": -1 is not between 0 and 65535`},
		{"share = 'x'", `1:9: "share" wants a number, not a text`},
		{"names = 'a'", `1:9: "names" wants a list, not a text`},
		{"names = ['a', 2]", `1:15: "names[1]" wants a text in quotes, not a number`},
		{"waits = ['1s', 'x']", `1:16: "waits[1]": "x" is not a duration: write it like "30s", "5m" or "1h30m"`},
		{"listen = 1", `1:10: "listen" wants a table, not a number`},
		{"listen = []", `1:1: "listen" wants a table, not a list`},
		{"state.x = 1", `1:7: "state" is a single value and has no key "x"`},
		{"[state]", `1:2: "state" is a single value, not a table`},
		{"[server]", `1:2: "server" is a list of tables: write [[server]]`},
		{"[[listen]]", `1:3: "listen" is not a list of tables: write [listen]`},
		{"state = 'a'\nstate = 'b'", `2:1: "state" is set a second time, first at line 1`},
		{"listen.web = 'a'\n[listen]\nweb = 'b'", `3:1: "listen.web" is set a second time, first at line 1`},
		{"[listen]\n[backup]\n[listen]", `3:2: table "listen" begins a second time, first at line 1`},
		{"state = 1979-05-27", `1:9: "state" wants a text in quotes, not a date or time`},
		{"state = ", `1:8: toml: expected value, not end of input`},
		{"state = '\xff'", `1:10: toml: invalid UTF-8 character in literal string`},
		{"[backup]\naddress = 'a'\n\x1b = 1", `3:1: toml: invalid character at start of key: U+001B`},
	} {
		if got := faults(t, tt.text); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%q:\n got %q\nwant %q", tt.text, got, tt.want)
		}
	}
}

func TestAllFaultsComeAtOnce(t *testing.T) {
	got := faults(t, `stat = "x"
enabled = "yes"
[listen]
agent = ":1"
backlog = 70000
[[server]]
timeout = 3
timeout = "4s"
[nowhere]
not_looked_at = 1
`)
	want := []string{
		`1:1: unknown key "stat" (did you mean "state"?)`,
		`2:11: "enabled" wants true or false, not a text`,
		`4:1: unknown key "listen.agent" (did you mean "agents"?)`,
		`5:11: "listen.backlog": 70000 is not between 0 and 65535`,
		`7:11: "server[0].timeout" wants a duration such as "30s", not a number`,
		`8:1: "server[0].timeout" is set a second time, first at line 7`,
		`9:2: unknown key "nowhere"`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFaultsShowNothingThatSteersATerminal(t *testing.T) {
	for _, line := range faults(t, `"\u001b]0;owned\u0007" = 1`) {
		if strings.ContainsAny(line, "\x1b\x07") {
			t.Errorf("%q", line)
		}
	}
}

func TestFilesThatCannotBeReadAreRefused(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.toml")
	if err := os.WriteFile(large, []byte(strings.Repeat("#\n", MaxFile/2)+"#"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := defaults()
	if _, err := Load(large, &c); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("a file over the bound: %v", err)
	}
	if _, err := Load(dir, &c); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "missing"), &c); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Decode("F", nil, c); err == nil {
		t.Error("a target that is not a pointer was accepted")
	}
}

func TestManyFaultsAreCountedNotListed(t *testing.T) {
	c := defaults()
	_, err := Decode("F", []byte(strings.Repeat("x.y = 1\n", 100)), &c)
	if err == nil || !strings.HasSuffix(err.Error(), "\nand 50 more") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecodeAgreesWithItsOwnOutput(f *testing.F) {
	f.Add("state = 'x'\n[listen]\nweb = ':1'\n[[server]]\ntimeout = '3s'")
	f.Add("labels = {a.b = 1}\nhosts.x.address = ''")
	f.Add("memory = 0x10\nnames = ['a',\n]\nlevel = +1_0")
	f.Fuzz(func(t *testing.T, text string) {
		c := defaults()
		origins, err := Decode("F", []byte(text), &c)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, v := range Flatten(c) {
			if !strings.ContainsAny(v.Key, "[") && v.Text != masked && v.Key != "backup" {
				b.WriteString(v.Key + " = " + v.Text + "\n")
			}
			origins.Of(v.Key)
		}
		again := defaults()
		if _, err := Decode("again", []byte(b.String()), &again); err != nil {
			t.Fatalf("what was shown is not accepted: %v\n%s", err, b.String())
		}
	})
}
