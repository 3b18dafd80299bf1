// Package servercert is the server certificate of a daemon: what it shows to
// those who connect. It is kept in the state file together with its key, made
// at the first start, replaced atomically, and described to administrators. An
// uploaded kata.pem waits beside it until it is installed.
//
// Who may replace it, and what that breaks, is each daemon's admin room's.
package servercert

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/pki"
)

const (
	certificateKey = "server-certificate"
	kataPEMKey     = "kata-pem"

	// KataPEM is the documented name of an uploaded server certificate.
	KataPEM = "kata.pem"
)

// stored is certificate and key in one value, so that they can never be of two
// makes.
type stored struct {
	V       int         `json:"v"`
	PEM     []byte      `json:"pem"`
	Since   time.Time   `json:"since"`
	Version kv.Revision `json:"-"`
}

// uploaded is a kata.pem as it came; it is checked when it is installed.
type uploaded struct {
	V       int         `json:"v"`
	PEM     []byte      `json:"pem"`
	Time    time.Time   `json:"time"`
	Version kv.Revision `json:"-"`
}

// Commit writes a change with the audit record of its act.
type Commit func(ctx context.Context, subject []string, c entity.Change) error

// Config is what a Keeper works on.
type Config struct {
	State *kv.Store
	// Names are names and addresses that a generated certificate carries beside
	// the local ones.
	Names []string
	Now   func() time.Time
}

// Keeper keeps the server certificate. It is a pki.Source.
type Keeper struct {
	config Config
	holder *pki.Holder
	// replacing orders replacements: what is written last is served last.
	replacing sync.Mutex
}

// Open reads the certificate, or makes the first one and reports that.
func Open(ctx context.Context, c Config, first Commit) (k *Keeper, made bool, err error) {
	k = &Keeper{config: c}
	s, found, err := k.stored(ctx)
	if err != nil {
		return nil, false, err
	}
	if found {
		pair, err := k.parse(s)
		if err != nil {
			return nil, false, err
		}
		k.holder = pki.NewHolder(pair)
		return k, false, nil
	}
	pair, err := k.Generate(acts.GenerateServerCertificate{})
	if err != nil {
		return nil, false, fmt.Errorf("make the first server certificate: %w", err)
	}
	var change entity.Change
	k.set(&change, pair, 0)
	if err := first(ctx, []string{pair.Fingerprint().String()}, change); err != nil {
		return nil, false, fmt.Errorf("keep the first server certificate: %w", err)
	}
	k.holder = pki.NewHolder(pair)
	return k, true, nil
}

// Current is the certificate that is shown from now on.
func (k *Keeper) Current() *tls.Certificate { return k.holder.Current() }

// Pair is the same with its key.
func (k *Keeper) Pair() *pki.Pair { return k.holder.Pair() }

// Generate makes a new key and certificate, which nobody serves yet.
func (k *Keeper) Generate(in acts.GenerateServerCertificate) (*pki.Pair, error) {
	names := append(append([]string(nil), k.config.Names...), in.Names...)
	pair, err := pki.GenerateServer(pki.ServerOptions{Names: names, Local: true, Key: in.Key, Now: k.config.Now})
	if err != nil {
		return nil, &acts.Error{Code: acts.Invalid, Text: err.Error(), Hint: "names are DNS names or IP addresses, keys are " + string(pki.KeyECDSAP256) + " or " + string(pki.KeyRSA3072), Err: err}
	}
	return pair, nil
}

// generateKeeping is Generate with the names that the input keeps.
func (k *Keeper) generateKeeping(ctx context.Context, in acts.GenerateServerCertificate) (*pki.Pair, error) {
	pair, err := k.Generate(in)
	if err != nil || !in.Keep {
		return pair, err
	}
	current, err := k.Show(ctx)
	if err != nil {
		return nil, err
	}
	kept := k.kept(in, pair.Leaf(), current.Names)
	if len(kept) == 0 {
		return pair, nil
	}
	in.Names = append(slices.Clone(in.Names), kept...)
	return k.Generate(in)
}

// Supplied reads the certificate to install: the given PEM, or the uploaded
// kata.pem, whose revision it returns.
func (k *Keeper) Supplied(ctx context.Context, in acts.InstallServerCertificate) (pair *pki.Pair, upload kv.Revision, err error) {
	pem := in.PEM
	if pem == nil {
		kata, found, err := k.uploaded(ctx)
		if err != nil {
			return nil, 0, err
		}
		if !found {
			return nil, 0, noUpload()
		}
		pem, upload = kata.PEM, kata.Version
	}
	if pair, _, err = pki.ParsePair(pem, k.config.Now()); err != nil {
		return nil, 0, RuleError(err)
	}
	current, found, err := k.stored(ctx)
	if err != nil {
		return nil, 0, err
	}
	written := pair.EncodePEM()
	defer clear(written)
	if found && bytes.Equal(current.PEM, written) {
		return nil, 0, conduct.Invalid("the certificate "+pair.Fingerprint().String()+" is in use already", "nothing is to be done")
	}
	return pair, upload, nil
}

func noUpload() error {
	return &acts.Error{Code: acts.NotFound, Text: "no " + KataPEM + " was uploaded", Hint: "upload one first, or name the file to install"}
}

// Replace puts a certificate to use, written first and served then, if the one
// in use is not younger than revision (0: whatever it is). The kata.pem that it
// came from, when it came from one, is forgotten, and has to be the one of the
// revision upload. Whoever connects from now on meets the new certificate; open
// connections are the caller's.
func (k *Keeper) Replace(ctx context.Context, pair *pki.Pair, revision uint64, upload kv.Revision, commit Commit) error {
	k.replacing.Lock()
	defer k.replacing.Unlock()
	current, _, err := k.stored(ctx)
	if err == nil {
		err = conduct.Seen(revision, current.Version)
	}
	if err != nil {
		return err
	}
	var change entity.Change
	if upload != 0 {
		if _, err := k.stillUploaded(ctx, upload); err != nil {
			return err
		}
		change.Delete(kataPEMKey)
		change.Seen(kataPEMKey, upload)
	}
	k.set(&change, pair, current.Version)
	if err := commit(ctx, []string{pair.Fingerprint().String()}, change); err != nil {
		return err
	}
	k.holder.Swap(pair)
	return nil
}

// stillUploaded reads the kata.pem, and refuses when it is not the one of a
// revision.
func (k *Keeper) stillUploaded(ctx context.Context, upload kv.Revision) (uploaded, error) {
	now, found, err := k.uploaded(ctx)
	switch {
	case err != nil:
		return uploaded{}, err
	case !found:
		return uploaded{}, conduct.Gone(uint64(upload), ActDiscard, KataPEM, noUpload())
	}
	return now, conduct.Seen(uint64(upload), now.Version)
}

// Upload keeps a kata.pem until it is installed; the last one wins.
func (k *Keeper) Upload(ctx context.Context, pem []byte, commit Commit) (acts.File, error) {
	if len(pem) > pki.MaxFileSize {
		return acts.File{}, conduct.Invalid(fmt.Sprintf("%s has more than %d KiB", KataPEM, pki.MaxFileSize>>10), "upload only the certificate, its chain and its key")
	}
	if cutOff(pem) {
		return acts.File{}, conduct.Invalid(KataPEM+" ends in the middle of a PEM block: it is not whole", "upload it again; an earlier one is kept")
	}
	u := uploaded{V: 1, PEM: pem, Time: k.config.Now()}
	var change entity.Change
	change.Put(kataPEMKey, u)
	if err := commit(ctx, []string{KataPEM}, change); err != nil {
		return acts.File{}, err
	}
	return k.describeFile(u), nil
}

// cutOff says whether a file ends inside a PEM block. A copy that was interrupted
// may look whole to the protocol that carried it: SFTP announces no length.
func cutOff(pem []byte) bool {
	begin := bytes.LastIndex(pem, []byte("-----BEGIN "))
	if begin < 0 {
		return false // no PEM at all, which is told when it is looked at
	}
	_, end, found := bytes.Cut(pem[begin:], []byte("-----END "))
	return !found || bytes.Count(end, []byte("-----")) == 0
}

// Discard forgets the uploaded kata.pem, if it is not younger than revision (0:
// whatever it is).
func (k *Keeper) Discard(ctx context.Context, revision kv.Revision, commit Commit) error {
	u, err := k.stillUploaded(ctx, revision)
	if err != nil {
		return err
	}
	var change entity.Change
	change.Delete(kataPEMKey)
	change.Seen(kataPEMKey, u.Version)
	return commit(ctx, []string{KataPEM}, change)
}

func (k *Keeper) set(c *entity.Change, pair *pki.Pair, seen kv.Revision) {
	c.Put(certificateKey, stored{V: 1, PEM: pair.EncodePEM(), Since: k.config.Now()})
	c.Seen(certificateKey, seen)
}

func (k *Keeper) stored(ctx context.Context) (s stored, found bool, err error) {
	s.Version, found, err = entity.Get(ctx, k.config.State, certificateKey, 1, &s)
	return s, found, err
}

func (k *Keeper) uploaded(ctx context.Context) (u uploaded, found bool, err error) {
	u.Version, found, err = entity.Get(ctx, k.config.State, kataPEMKey, 1, &u)
	return u, found, err
}

func (k *Keeper) parse(s stored) (*pki.Pair, error) {
	pair, _, err := pki.ParsePair(s.PEM, k.config.Now())
	if err != nil {
		return nil, fmt.Errorf("read the server certificate from the state file: %w", err)
	}
	return pair, nil
}

// RuleError gives violated PEM rules their form for a person, all of them in one
// refusal; other errors stay as they are.
func RuleError(err error) error {
	if faults := Faults("", err); faults != nil {
		return Violated(faults)
	}
	return err
}

// Faults are the PEM rules that a file violates, nil when err is about none.
func Faults(name string, err error) acts.FileFaults {
	var all pki.RuleErrors
	var one *pki.RuleError
	switch {
	case errors.As(err, &all):
	case errors.As(err, &one):
		all = pki.RuleErrors{one}
	}
	var faults acts.FileFaults
	for _, rule := range all {
		faults = append(faults, acts.FileFault{Name: name, Text: rule.Text, Hint: rule.Hint, Err: rule})
	}
	return faults
}

// Violated refuses an upload for its faults.
func Violated(faults acts.FileFaults) *acts.Error {
	text := faults.Error()
	if len(faults) > 1 {
		text = fmt.Sprintf("%d rules are violated: %s", len(faults), text)
	}
	return &acts.Error{Code: acts.Invalid, Text: text, Hint: faults.Hints(), Err: faults}
}
