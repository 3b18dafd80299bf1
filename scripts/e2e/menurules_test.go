package e2e

import (
	"slices"
	"strings"

	"vedette/internal/acts"
)

// faultyFile is a kata.pem that violates a rule.
type faultyFile struct {
	fault string
	shows string // of the window, which names the rule
	text  string
}

// faultyFiles are made with the program that the source document names, as
// people get them wrong.
func (k *desk) faultyFiles() []faultyFile {
	k.t.Helper()
	openssl := func(line string) { k.t.Helper(); k.must("openssl", strings.Fields(line)...) }
	for name, key := range map[string]string{"good": "rsa:2048", "short": "rsa:1024", "other": "rsa:2048"} {
		openssl("req -x509 -newkey " + key + " -nodes -days 30 -subj /CN=own.example.org -keyout " + name + ".key -out " + name + ".crt")
	}
	openssl("ecparam -name secp224r1 -genkey -noout -out curve.key")
	openssl("req -x509 -key curve.key -days 30 -subj /CN=own.example.org -out curve.crt")
	openssl("pkcs8 -topk8 -in good.key -passout pass:horse -out locked.key")
	openssl("x509 -in good.crt -outform DER -out good.der")
	of := func(names ...string) (text string) {
		for _, name := range names {
			text += k.read(name)
		}
		return text
	}
	return []faultyFile{
		{"no private key", "private key", of("good.crt")},
		{"no certificate", "no certificate", of("good.key")},
		{"not PEM", "PEM", of("good.der")},
		{"a key of 1024 bits", "2048", of("short.crt", "short.key")},
		{"the key of another certificate", "belong", of("good.crt", "other.key")},
		{"a key with a password", "encrypted", of("good.crt", "locked.key")},
		{"two keys", "2 private keys", of("good.crt", "good.key", "other.key")},
		{"a weak curve", "P-256", of("curve.crt", "curve.key")},
	}
}

// refuses uploads files that violate a rule: each shows which, and changes
// nothing.
func (p *person) refuses(k *desk, files []faultyFile, name string) {
	p.t.Helper()
	before := read[acts.ServerCertificate](k, "certificate", "show")
	for i, file := range files {
		k.write("kata.pem", file.text)
		k.must("scp", "kata.pem", "admin@HOST:")
		p.does("scp kata.pem with %s", file.fault)
		if i == 0 {
			p.settings("Manage server certificate", certificates)
		}
		p.sees("┌─ "+certificates+" ─", "cannot be installed")
		p.chooses("kata.pem")
		p.sees("┌─ Uploaded certificate ─", "Problem", file.shows, "cannot be installed")
		p.chooses("Install certificate")
		p.chooses("Yes")
		p.sees("┌─ Error ─", file.shows)
		p.back("┌─ Uploaded certificate ─")
		p.chooses("Remove kata.pem")
		p.chooses("Yes")
		p.expect("┌─ "+certificates+" ─", "kata.pem was removed.")
	}
	p.keeps(name)
	p.back("Program settings")
	p.back("Administrator menu")
	after := read[acts.ServerCertificate](k, "certificate", "show")
	if after.Fingerprint != before.Fingerprint || k.served() != before.Fingerprint || !after.Since.Equal(before.Since) {
		p.t.Errorf("a file that cannot be installed changed the certificate: %+v", after)
	}
	if records := k.daemon.must("audit", "list", "--account", "admin"); slices.Contains(strings.Fields(records), "horse") {
		p.t.Errorf("a password is in the records:\n%s", records)
	}
}
