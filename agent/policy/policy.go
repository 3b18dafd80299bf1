package policy

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vedette/internal/settings"
	"vedette/pki"
)

// Bounds and defaults of settings, see reference documents of the product.
const (
	DefaultPort          = 443
	DefaultTimeout       = 10 * time.Second
	MaxTimeout           = 10 * time.Minute
	DefaultSyncPeriod    = 5 * time.Minute
	MinSyncPeriod        = time.Minute
	MaxSyncPeriod        = time.Hour
	DefaultTTLPeriod     = 1440 * time.Minute
	MaxTTLPeriod         = 366 * 24 * time.Hour
	DefaultEventsPerHour = 3000
	DefaultExcessPercent = 15
	MinExcessPercent     = 5
	maxServers           = 16
)

// Policy is what all layers together say.
type Policy struct {
	UnderPolicy bool     // local changes are refused
	Enabled     bool     // off: nothing is collected and nothing is sent
	Servers     []string // host:port, in the order of trying
	// UsePinned demands Pin. When it is off, any server is talked to: its
	// certificate is not checked at all.
	UsePinned     bool
	Pin           pki.Fingerprint   // zero when none is set
	Certificate   *x509.Certificate // what Pin is the fingerprint of
	Client        *pki.Pair         // nil: the agent shows no certificate
	Timeout       time.Duration
	SyncPeriod    time.Duration
	Compression   bool
	TTLEnabled    bool
	TTLPeriod     time.Duration
	Throttling    bool
	EventsPerHour int
	ExcessPercent int

	// Values are all settings as text with where each came from, for people.
	Values []Value
}

// Value is one setting for `config show`.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// Files are where the layers are.
type Files struct {
	Policy string // may be empty or missing: no policy
	Dir    string // the agent's state folder, which holds the local settings
}

func (f Files) local() string { return filepath.Join(f.Dir, "local.toml") }

// Named are the files that the layers point to: certificates, the PFX and its
// password. Of layers that cannot be read there are none.
func (f Files) Named() []string {
	all, _, err := f.layers()
	if err != nil {
		return nil
	}
	var paths []string
	for _, p := range []*string{all.Certificate, all.ClientCertificate, all.ClientPasswordFile} {
		if p != nil && *p != "" && !isPasted(*p) {
			paths = append(paths, *p)
		}
	}
	return paths
}

// Stamp changes when one of the files, or of those that they name, was changed.
func (f Files) Stamp(named []string) string {
	var b strings.Builder
	for _, path := range append([]string{f.Policy, f.local()}, named...) {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%d %d;", info.ModTime().UnixNano(), info.Size())
		} else {
			b.WriteString("none;")
		}
	}
	return b.String()
}

func ptr[T any](v T) *T { return &v }

func defaults() *Layer {
	return &Layer{
		UnderPolicy: ptr(false), Enabled: ptr(false), Port: ptr(DefaultPort), UsePinnedCertificate: ptr(true),
		Timeout: ptr(settings.Duration(DefaultTimeout)), SyncPeriod: ptr(settings.Duration(DefaultSyncPeriod)),
		Compression: ptr(true), TTLEnabled: ptr(false), TTLPeriod: ptr(settings.Duration(DefaultTTLPeriod)),
		Throttling: ptr(true), EventsPerHour: ptr(DefaultEventsPerHour), ExcessPercent: ptr(DefaultExcessPercent),
	}
}

// loadLayer reads one file; a missing one is an empty layer.
func loadLayer(path string) (*Layer, *settings.Origins, error) {
	l := new(Layer)
	if path == "" {
		return l, new(settings.Origins), nil
	}
	origins, err := settings.Load(path, l)
	if errors.Is(err, os.ErrNotExist) {
		return l, new(settings.Origins), nil
	}
	return l, origins, err
}

// Load reads all layers and everything they point to. An error names every
// fault; nothing of a faulty policy is used.
func Load(f Files) (*Policy, error) {
	all, origins, err := f.layers()
	if err != nil {
		return nil, err
	}
	return build(all, origins)
}

// layers lays the files over each other, with the origin of each key.
func (f Files) layers() (*Layer, map[string]string, error) {
	managed, managedFrom, err := loadLayer(f.Policy)
	if err != nil {
		return nil, nil, err
	}
	local, localFrom, err := loadLayer(f.local())
	if err != nil {
		return nil, nil, err
	}
	if local.UnderPolicy != nil {
		return nil, nil, fmt.Errorf("%s: under_policy belongs into the policy file", f.local())
	}
	all, origins := defaults(), make(map[string]string)
	managed.over(all, func(key string) { origins[key] = managedFrom.Of(key) })
	base := filepath.Dir(f.Policy)
	if !*all.UnderPolicy {
		if local.Certificate != nil || local.ClientCertificate != nil {
			// What the command line wrote is absolute or pasted.
			resolve(managed, base)
			managed.over(all, func(string) {})
		}
		local.over(all, func(key string) { origins[key] = localFrom.Of(key) })
	}
	resolve(all, base)
	return all, origins, nil
}

// resolve makes paths of the policy file relative to its folder.
func resolve(l *Layer, base string) {
	for _, p := range []**string{&l.Certificate, &l.ClientCertificate, &l.ClientPasswordFile} {
		if *p == nil || **p == "" || filepath.IsAbs(**p) || isPasted(**p) {
			continue
		}
		*p = ptr(filepath.Join(base, **p))
	}
}

func isPasted(s string) bool { return strings.Contains(s, "-----BEGIN") }

func build(l *Layer, origins map[string]string) (*Policy, error) {
	p := &Policy{
		UnderPolicy: *l.UnderPolicy, Enabled: *l.Enabled, UsePinned: *l.UsePinnedCertificate,
		Timeout: time.Duration(*l.Timeout), SyncPeriod: time.Duration(*l.SyncPeriod), Compression: *l.Compression,
		TTLEnabled: *l.TTLEnabled, TTLPeriod: time.Duration(*l.TTLPeriod),
		Throttling: *l.Throttling, EventsPerHour: *l.EventsPerHour, ExcessPercent: *l.ExcessPercent,
	}
	var faults []error
	fault := func(key, format string, a ...any) {
		faults = append(faults, fmt.Errorf("%s (%s): %w", key, origin(origins, key), fmt.Errorf(format, a...)))
	}
	inRange := func(key string, v, low, high time.Duration) {
		if v < low || v > high {
			fault(key, "%s is not between %s and %s", settings.Duration(v), settings.Duration(low), settings.Duration(high))
		}
	}
	inRange("timeout", p.Timeout, time.Second, MaxTimeout)
	inRange("sync_period", p.SyncPeriod, MinSyncPeriod, MaxSyncPeriod)
	inRange("ttl_period", p.TTLPeriod, time.Minute, MaxTTLPeriod)
	if p.EventsPerHour < 1 {
		fault("throttling_events_per_hour", "%d is less than 1", p.EventsPerHour)
	}
	if p.ExcessPercent < MinExcessPercent || p.ExcessPercent > 100 {
		fault("throttling_excess_percent", "%d is not between %d and 100", p.ExcessPercent, MinExcessPercent)
	}
	var err error
	if p.Servers, err = servers(l); err != nil {
		fault("servers", "%w", err)
	}
	if l.Certificate != nil && *l.Certificate != "" {
		if p.Certificate, err = ReadCertificate(*l.Certificate); err != nil {
			fault("certificate", "%w", err)
		} else {
			p.Pin = pki.FingerprintOf(p.Certificate.Raw)
		}
	}
	if l.ClientCertificate != nil && *l.ClientCertificate != "" {
		if p.Client, err = readClient(l); err != nil {
			fault("client_certificate", "%w", err)
		}
	} else if l.ClientPasswordFile != nil && *l.ClientPasswordFile != "" {
		fault("client_password_file", "there is no client_certificate that it belongs to")
	}
	if p.Enabled && len(p.Servers) == 0 {
		fault("address", "enabled without a server: set address or servers")
	}
	if p.Enabled && p.UsePinned && p.Certificate == nil && (l.Certificate == nil || *l.Certificate == "") {
		fault("certificate", "use_pinned_certificate is on and no certificate is pinned: add the server certificate of the Central Node, or of the Sensor when traffic goes through one")
	}
	p.Values = values(l, p, origins)
	return p, errors.Join(faults...)
}

func origin(origins map[string]string, key string) string {
	if o, ok := origins[key]; ok {
		return o
	}
	return settings.Default
}

// servers joins the two ways of naming them.
func servers(l *Layer) ([]string, error) {
	list := l.Servers
	if list == nil {
		if l.Address == nil || *l.Address == "" {
			return nil, nil
		}
		if *l.Port < 1 || *l.Port > 65535 {
			return nil, fmt.Errorf("port %d is not between 1 and 65535", *l.Port)
		}
		list = &[]string{net.JoinHostPort(strings.Trim(*l.Address, "[]"), strconv.Itoa(*l.Port))}
	} else if l.Address != nil {
		return nil, errors.New("address and servers exclude each other: write all into servers")
	}
	return ParseServers(*list)
}

// ParseServers checks a list of HOST[:PORT] and completes the ports.
func ParseServers(list []string) ([]string, error) {
	if len(list) > maxServers {
		return nil, fmt.Errorf("%d servers are more than %d", len(list), maxServers)
	}
	var result []string
	for _, s := range list {
		s = strings.TrimSpace(s)
		host, port, err := net.SplitHostPort(s)
		if err != nil {
			host, port = strings.Trim(s, "[]"), strconv.Itoa(DefaultPort)
		}
		n, err := strconv.Atoi(port)
		switch {
		case err != nil || n < 1 || n > 65535:
			return nil, fmt.Errorf("server %q: port %q is not between 1 and 65535", s, port)
		case host == "" || len(host) > 253 || strings.ContainsAny(host, " /\\@?#\"'\x00\r\n\t"):
			return nil, fmt.Errorf("server %q: not an address; write HOST:PORT", s)
		}
		result = append(result, net.JoinHostPort(host, port))
	}
	return result, nil
}

// ReadCertificate takes the path of a certificate file or the pasted text of
// one. Several certificates, or a private key beside it, are an error.
func ReadCertificate(pathOrText string) (*x509.Certificate, error) {
	data := []byte(pathOrText)
	if !isPasted(pathOrText) {
		var err error
		if data, err = readBounded(pathOrText); err != nil {
			return nil, err
		}
	}
	return pki.ParseCertificate(data)
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > pki.MaxFileSize {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", path, pki.MaxFileSize)
	}
	return os.ReadFile(path)
}

func readClient(l *Layer) (*pki.Pair, error) {
	data, err := pki.ReadKeyFile(*l.ClientCertificate)
	if err != nil {
		return nil, withHint(err)
	}
	password := ""
	if l.ClientPasswordFile != nil && *l.ClientPasswordFile != "" {
		b, err := pki.ReadKeyFile(*l.ClientPasswordFile)
		if err != nil {
			return nil, withHint(err)
		}
		password = strings.TrimRight(string(b), "\r\n")
	}
	return DecodeClient(data, password)
}

// DecodeClient opens the PFX of an agent certificate and says in plain words
// what is wrong with it.
func DecodeClient(pfx []byte, password string) (*pki.Pair, error) {
	pair, err := pki.DecodePFX(pfx, password)
	switch {
	case err == nil:
		return pair, nil
	case errors.Is(err, pki.ErrPFXNoKey):
		return nil, fmt.Errorf("%w, so it cannot prove who the agent is: generate the agent certificate again and download the container with its key", err)
	case errors.Is(err, pki.ErrPFXPassword) && password == "":
		return nil, fmt.Errorf("%w: it needs one; give the password of the container", err)
	}
	return nil, withHint(err)
}

func withHint(err error) error {
	if rule := (*pki.RuleError)(nil); errors.As(err, &rule) && rule.Hint != "" {
		return fmt.Errorf("%w; %s", err, rule.Hint)
	}
	return err
}
