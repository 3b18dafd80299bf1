package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"vedette/internal/settings"
)

const flagSocket = "socket"

// source is where a binary's configuration comes from: flags over file over
// defaults.
type source[C any] struct {
	Program[C]
	file string // of --config
}

// override is a flag that stands for a key of the file.
type override struct {
	flag, key, usage string
	path             bool
	target           func(*Basics) *string
}

// overrides are the flags of commands; --socket is one of the whole program.
func overrides() []override {
	return []override{
		{"listen", "listen", "`ADDRESS` where agents connect", false, func(b *Basics) *string { return &b.Listen }},
		{"ssh-listen", "ssh_listen", "`ADDRESS` where administrators connect with SSH", false, func(b *Basics) *string { return &b.SSHListen }},
		{"local-listen", "local_listen", "`ADDRESS` of health and metrics", false, func(b *Basics) *string { return &b.LocalListen }},
		{"state-dir", "state_dir", "`FOLDER` of the daemon's state", true, func(b *Basics) *string { return &b.StateDir }},
		{"log-level", "log_level", "`LEVEL`: " + strings.Join(logLevels(), ", "), false, func(b *Basics) *string { return &b.LogLevel }},
	}
}

// addOverrides adds some of the flags of overrides, or all.
func addOverrides(flags *pflag.FlagSet, only ...string) {
	for _, o := range overrides() {
		if len(only) == 0 || slices.Contains(only, o.flag) {
			flags.String(o.flag, "", o.usage+" (over "+o.key+" in the file)")
		}
	}
}

// load reads the configuration. Its faults come all at once, those of the file
// first.
func (s *source[C]) load(flags *pflag.FlagSet) (c C, err error) {
	c, origins, err := s.read(flags)
	if err != nil {
		return c, err
	}
	if faults := s.Validate(c); len(faults) > 0 {
		for i, fault := range faults {
			key, _, _ := strings.Cut(fault, ":")
			faults[i] = fmt.Sprintf("%s (%s)", fault, origins.Of(key))
		}
		return c, &Faults{Texts: faults, Hint: "see where values come from: " + s.Word + " config show"}
	}
	return c, nil
}

// read puts flags over file over defaults without judging the values.
func (s *source[C]) read(flags *pflag.FlagSet) (C, *settings.Origins, error) {
	c := s.Defaults()
	file := s.file
	if file == "" {
		file = s.ConfigFile
	}
	origins, err := settings.Load(file, &c)
	var faults *settings.Error
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && s.file == "":
		c, origins = s.Defaults(), &settings.Origins{}
	case errors.As(err, &faults):
		texts := make([]string, len(faults.Faults))
		for i, f := range faults.Faults {
			texts[i] = f.String()
		}
		return c, nil, &Faults{Texts: texts}
	default:
		return c, nil, err
	}
	basics := s.Basics(&c)
	socket := override{flagSocket, "socket", "", true, func(b *Basics) *string { return &b.Socket }}
	for _, o := range append(overrides(), socket) {
		flag := flags.Lookup(o.flag)
		if flag == nil || !flag.Changed {
			continue
		}
		value := flag.Value.String()
		if o.path {
			if value, err = filepath.Abs(value); err != nil {
				return c, nil, fmt.Errorf("--%s: %w", o.flag, err)
			}
		}
		*o.target(basics) = value
		origins.Set(o.key, "flag --"+o.flag)
	}
	return c, origins, nil
}
