package yara

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	compileTimeout  = 5 * time.Minute
	tryTimeout      = time.Minute
	maxCompiledSize = 1 << 30
	// The files of Config.Dir.
	noteFile   = "compiled.json"
	lastFile   = "last.yar"
	workFolder = "empty" // where children run
	pending    = ".new"
)

// compiled is a set of rules in use. Its fields are the note that makes it
// known after a restart.
type compiled struct {
	V int `json:"v"`
	// File is its name in Config.Dir. A note names a file that was tried out.
	File string `json:"file"`
	// Mark begins the namespaces of these rules, and is not known outside.
	Mark            string `json:"mark"`
	Digest          string `json:"digest"` // of the sources
	Programs        string `json:"programs"`
	RuleSet         string `json:"rule_set"`
	DataBaseVersion int64  `json:"data_base_version"`
	Rules           int    `json:"rules"`
}

const noteVersion = 1

// sourceError is what the rules themselves are to blame for: trying again is of
// no use until they change.
type sourceError struct{ text string }

func (e *sourceError) Error() string { return e.text }

// compile makes rules ready for use and tries them out.
func (e *Engine) compile(ctx context.Context, s *sources, programs string) (*compiled, error) {
	drawn := make([]byte, 8)
	_, _ = rand.Read(drawn) // it never fails
	c := &compiled{V: noteVersion, Mark: "v" + hex.EncodeToString(drawn), Digest: hex.EncodeToString(s.digest[:]), Programs: programs}
	c.File = c.Mark + ".yarc"
	newest := s.newest.UTC()
	c.RuleSet = newest.Format("2006-01-02-") + c.Digest[:8]
	c.DataBaseVersion = dataBaseVersion(newest)

	if len(s.files) == 0 {
		return nil, &sourceError{"there is no file of rules where the configuration says"}
	}
	if err := e.prepare(); err != nil {
		return nil, err
	}
	out := filepath.Join(e.c.Dir, c.File)
	args := []string{"-w", "-d", "vedette_size_mib=0", "-d", "vedette_size_rest=0"}
	for i, path := range s.files {
		args = append(args, fmt.Sprintf("%s_%d:%s", c.Mark, i, path))
	}
	args = append(args, c.Mark+"_"+lastSpace+":"+filepath.Join(e.c.Dir, lastFile), out)
	ok := false
	defer func() {
		if !ok {
			_ = os.Remove(out) // prepare would, too
		}
	}()
	done, err := child{
		program: e.c.Compiler, args: args, dir: filepath.Join(e.c.Dir, workFolder),
		timeout: compileTimeout, memory: e.c.MaxMemory, fileSize: maxCompiledSize,
	}.run(ctx)
	if err != nil {
		return nil, err
	}
	if err := done.failure("yarac"); err != nil {
		if line := firstLine(done.stderr, "error"); line != "" {
			return nil, &sourceError{"the rules do not compile: " + line}
		}
		return nil, fmt.Errorf("the rules do not compile: %w", err)
	}
	if c.Rules, err = e.try(ctx, c); err != nil {
		return nil, err
	}
	if c.Rules == 0 {
		return nil, &sourceError{"the files of rules hold no rule"}
	}
	if err := e.keep(c); err != nil {
		return nil, err
	}
	ok = true
	return c, nil
}

// prepare makes the folder, and removes what an earlier compilation left there.
func (e *Engine) prepare() error {
	if err := os.MkdirAll(filepath.Join(e.c.Dir, workFolder), 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(e.c.Dir)
	if err != nil {
		return err
	}
	e.mu.Lock()
	current := ""
	if e.current != nil {
		current = e.current.File
	}
	e.mu.Unlock()
	for _, f := range entries {
		if name := f.Name(); name != current && strings.HasSuffix(name, ".yarc") || strings.HasSuffix(name, pending) {
			if err := os.Remove(filepath.Join(e.c.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return e.replace(lastFile, []byte(lastSource))
}

// replace writes a small file of Dir at once. It need not outlive a power cut:
// what is in Dir is tried before it is used, and can be made again.
func (e *Engine) replace(name string, content []byte) error {
	path := filepath.Join(e.c.Dir, name)
	if err := os.WriteFile(path+pending, content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+pending, path)
}

// keep makes a set the one that a restart begins with.
func (e *Engine) keep(c *compiled) error {
	note, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("note the compiled rules: %w", err)
	}
	return e.replace(noteFile, note)
}

// kept is the set that was in use before a restart, nil when there is none that
// works.
func (e *Engine) kept(ctx context.Context) *compiled {
	note, err := os.ReadFile(filepath.Join(e.c.Dir, noteFile))
	if err != nil {
		return nil
	}
	var c compiled
	if err := json.Unmarshal(note, &c); err != nil || c.V != noteVersion || c.Mark == "" || c.File != c.Mark+".yarc" || filepath.Base(c.File) != c.File {
		e.c.Logger.Warn("note of compiled rules not understood: they are compiled again", "file", noteFile)
		return nil
	}
	n, err := e.try(ctx, &c)
	if err != nil || n != c.Rules {
		e.c.Logger.Warn("kept rules do not work: they are compiled again", "rule_set", c.RuleSet, "error", err)
		return nil
	}
	return &c
}

// try looks at our own rule's source with a set, and says how many rules are in
// it beside ours.
func (e *Engine) try(ctx context.Context, c *compiled) (int, error) {
	path := filepath.Join(e.c.Dir, lastFile)
	rules, err := os.Open(filepath.Join(e.c.Dir, c.File))
	if err != nil {
		return 0, err
	}
	defer rules.Close()
	o, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer o.Close()
	i, err := o.Stat()
	if err != nil {
		return 0, err
	}
	out, err := e.ask(ctx, c.Mark, rules, o, i.Size(), tryTimeout, "-S")
	switch {
	case err != nil:
		return 0, fmt.Errorf("try the compiled rules: %w", err)
	case out.rules < 1:
		return 0, errors.New("try the compiled rules: yara does not say how many there are")
	}
	return out.rules - 1, nil
}

// dataBaseVersion is a time as the documented integer, 0 for one that it cannot
// hold.
func dataBaseVersion(t time.Time) int64 {
	year, month, day := t.Date()
	if year < 1 || year > 9999 {
		return 0
	}
	return (((int64(year)*100+int64(month))*100+int64(day))*100+int64(t.Hour()))*100 + int64(t.Minute())
}
