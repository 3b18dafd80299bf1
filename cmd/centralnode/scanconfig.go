package main

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/scan"
	"vedette/centralnode/scan/clamd"
	"vedette/internal/settings"
)

// scanConfig is how objects of external systems are kept and scanned.
type scanConfig struct {
	MaxObjectSize     settings.Size     `toml:"max_object_size"`      // a larger one is refused
	SpoolQuota        settings.Size     `toml:"spool_quota"`          // on disk, all together
	InFlight          int               `toml:"in_flight"`            // uploading or without a verdict, all together
	InFlightPerSystem int               `toml:"in_flight_per_system"` // of one external system; never more than in_flight
	Workers           int               `toml:"workers"`              // objects that each engine looks at at the same time; 0: one for each CPU
	Attempts          int               `toml:"attempts"`             // of an engine at one object, before the verdict is error or timeout
	Timeout           settings.Duration `toml:"timeout"`              // of one attempt, whatever the engine's own
	RetryAfter        settings.Duration `toml:"retry_after"`          // before the second attempt; twice as long before each later one; less once an engine is back
	KeepResults       settings.Duration `toml:"keep_results"`         // verdicts that nobody deletes
	MaxResults        int               `toml:"max_results"`          // so many of them, all together; whoever has most loses the oldest
	Builtin           builtinConfig     `toml:"builtin"`
	Clamd             clamdConfig       `toml:"clamd"`
	YARA              yaraConfig        `toml:"yara"`
}

// builtinConfig is of the engine that is part of the daemon.
type builtinConfig struct {
	Hashes []string `toml:"hashes"` // files with lists of hashes
	Rules  []string `toml:"rules"`  // files with byte rules
}

// clamdConfig is of a clamd that somebody else runs.
type clamdConfig struct {
	Address     string            `toml:"address"`       // unix:/path or tcp://host:port; empty: not used
	MaxFileSize settings.Size     `toml:"max_file_size"` // MaxFileSize and MaxScanSize of that clamd's own configuration
	Timeout     settings.Duration `toml:"timeout"`
}

// yaraConfig is of the yara program, a child for each object.
type yaraConfig struct {
	Rules     []string          `toml:"rules"`    // files, and folders of *.yar and *.yara; none: not used
	Program   string            `toml:"program"`  // its path, or its name to be found in PATH
	Compiler  string            `toml:"compiler"` // yarac, likewise
	Timeout   settings.Duration `toml:"timeout"`
	MaxMemory settings.Size     `toml:"max_memory"` // of the child, beside the object
}

func scanDefaults() scanConfig {
	return scanConfig{
		MaxObjectSize: 100 << 20, SpoolQuota: 10 << 30,
		InFlight: 4096, InFlightPerSystem: 1024,
		Attempts: 3, Timeout: settings.Duration(2 * time.Minute), RetryAfter: settings.Duration(10 * time.Second),
		KeepResults: settings.Duration(7 * 24 * time.Hour), MaxResults: 200_000,
		Builtin: builtinConfig{Hashes: []string{}, Rules: []string{}},
		Clamd:   clamdConfig{MaxFileSize: clamd.DefaultMaxFileSize, Timeout: settings.Duration(clamd.DefaultTimeout)},
		YARA: yaraConfig{
			Rules: []string{}, Program: "yara", Compiler: "yarac",
			Timeout: settings.Duration(time.Minute), MaxMemory: 1 << 30,
		},
	}
}

// node is the same as the Central Node takes it.
func (c scanConfig) node() centralnode.Scan {
	return centralnode.Scan{
		Limits: scan.Limits{
			MaxObjectSize: int64(c.MaxObjectSize), SpoolQuota: int64(c.SpoolQuota),
			InFlight: c.InFlight, InFlightPerSystem: min(c.InFlightPerSystem, c.InFlight),
			Workers: c.Workers, Attempts: c.Attempts,
			Timeout: time.Duration(c.Timeout), RetryAfter: time.Duration(c.RetryAfter), KeepResults: time.Duration(c.KeepResults),
			MaxResults: c.MaxResults,
		},
		Builtin: centralnode.Builtin(c.Builtin),
		Clamd: centralnode.Clamd{
			Address: c.Clamd.Address, MaxFileSize: int64(c.Clamd.MaxFileSize), Timeout: time.Duration(c.Clamd.Timeout),
		},
		YARA: centralnode.YARA{
			Rules: c.YARA.Rules, Program: c.YARA.Program, Compiler: c.YARA.Compiler,
			Timeout: time.Duration(c.YARA.Timeout), MaxMemory: int64(c.YARA.MaxMemory),
		},
	}
}

// Bounds on what may be configured.
const (
	minObjectSize  = 1 << 10
	maxInFlight    = 1 << 20
	maxWorkers     = 1 << 10
	maxAttempts    = 100
	maxClamdFile   = 2047 << 20 // clamd looks at no file of 2 GiB
	minScanTimeout = time.Second
	minRetryAfter  = 100 * time.Millisecond
	minKeepResults = time.Minute
	minResults     = 100
	maxResults     = 2_000_000 // each takes some 500 bytes of memory
	minYARAMemory  = 64 << 20
)

// Faults says what is wrong, one text a fault, each after its key.
func (c scanConfig) Faults() []string {
	var faults []string
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("scan."+format, args...))
	}
	if c.MaxObjectSize < minObjectSize {
		fault("max_object_size: %s is less than %s", c.MaxObjectSize, settings.Size(minObjectSize))
	}
	if c.SpoolQuota < c.MaxObjectSize {
		fault("spool_quota: %s is less than scan.max_object_size, %s", c.SpoolQuota, c.MaxObjectSize)
	}
	for _, one := range []struct {
		key            string
		n, least, most int
	}{
		{"in_flight", c.InFlight, 1, maxInFlight},
		{"in_flight_per_system", c.InFlightPerSystem, 1, maxInFlight},
		{"workers", c.Workers, 0, maxWorkers},
		{"attempts", c.Attempts, 1, maxAttempts},
		{"max_results", c.MaxResults, minResults, maxResults},
	} {
		if one.n < one.least || one.n > one.most {
			fault("%s: %d is not between %d and %d", one.key, one.n, one.least, one.most)
		}
	}
	for _, one := range []struct {
		key   string
		d     settings.Duration
		least time.Duration
	}{
		{"timeout", c.Timeout, minScanTimeout},
		{"retry_after", c.RetryAfter, minRetryAfter},
		{"keep_results", c.KeepResults, minKeepResults},
		{"clamd.timeout", c.Clamd.Timeout, minScanTimeout},
		{"yara.timeout", c.YARA.Timeout, minScanTimeout},
	} {
		if time.Duration(one.d) < one.least {
			fault("%s: %s is less than %s", one.key, one.d, settings.Duration(one.least))
		}
	}
	files := func(key string, paths []string) {
		for i, path := range paths {
			switch {
			case !filepath.IsAbs(path):
				fault("%s: %q is not an absolute path", key, path)
			case slices.Contains(paths[:i], path):
				fault("%s: %q is there twice", key, path)
			}
		}
	}
	files("builtin.hashes", c.Builtin.Hashes)
	files("builtin.rules", c.Builtin.Rules)
	if c.Clamd.Address != "" && !isClamd(c.Clamd.Address) {
		fault("clamd.address: %q is not an address like unix:/run/clamav/clamd.ctl or tcp://127.0.0.1:3310", c.Clamd.Address)
	}
	if c.Clamd.MaxFileSize < minObjectSize || c.Clamd.MaxFileSize > maxClamdFile {
		fault("clamd.max_file_size: %s is not between %s and %s", c.Clamd.MaxFileSize, settings.Size(minObjectSize), settings.Size(maxClamdFile))
	}
	files("yara.rules", c.YARA.Rules)
	for _, one := range []struct{ key, program string }{{"yara.program", c.YARA.Program}, {"yara.compiler", c.YARA.Compiler}} {
		switch {
		case one.program == "":
			fault("%s: it is empty", one.key)
		case strings.Contains(one.program, "/") && !filepath.IsAbs(one.program):
			fault("%s: %q is neither an absolute path nor a name to be found in PATH", one.key, one.program)
		}
	}
	if c.YARA.MaxMemory < minYARAMemory {
		fault("yara.max_memory: %s is less than %s", c.YARA.MaxMemory, settings.Size(minYARAMemory))
	}
	return faults
}

// isClamd says whether s is where a clamd can be reached.
func isClamd(s string) bool {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return filepath.IsAbs(path)
	}
	address, ok := strings.CutPrefix(s, "tcp://")
	if !ok {
		return false
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
