package e2e

import (
	"strings"
)

// window is one of a documented chain: what it shows, and what is chosen there.
type window struct {
	title  string
	shows  []string
	choose string // a word, or ENTER
}

// What the chains of certificates say, and the buttons that they end with.
const (
	overwritten  = "The data of previously installed certificates will be"
	notYetInUse  = "This certificate is not in use yet."
	nothingYet   = "Nothing is changed before the last"
	inUseNow     = "The new certificate is in use."
	stillInUse   = "Nothing was changed: the certificate below stays in use."
	pressEnter   = "Press ENTER."
	enter        = "ENTER"
	certificates = "Certificate management"
)

// generateChain is "Generating a TLS certificate for the Sensor server in the
// administrator menu of the Sensor server" of the source document.
func generateChain() []window {
	return []window{
		{certificates, []string{"Certificate in use"}, "New"},
		{"Information on the new certificate", []string{nothingYet}, "Continue"},
		{"Confirmation", []string{"[Generate]", "Consequences", "The certificate in use stays until the last confirmation."}, "Generate"},
		{"Creation of the certificate", []string{pressEnter}, enter},
		{"Information on the certificate", []string{notYetInUse}, "Continue"},
		{"Confirmation", []string{"[Ok]", overwritten}, "Ok"},
	}
}

// installChain is "Uploading an independently prepared TLS certificate for the
// Sensor server in the administrator menu of the Sensor server", after the file
// was uploaded.
func installChain() []window {
	return []window{
		{certificates, []string{"Certificate in use", "can be installed"}, "kata.pem"},
		{"Uploaded certificate", []string{"can be installed"}, "Install certificate"},
		{"Confirmation", []string{"[Yes]", nothingYet}, "Yes"},
		{"Information on the certificate", []string{"[Continue]"}, "Continue"},
		{"Confirmation", []string{"[Install]", "Consequences", "The certificate in use stays until the last confirmation."}, "Install"},
		{"Installation of the certificate", []string{pressEnter}, enter},
		{"Information on the applied certificate", []string{notYetInUse}, "Continue"},
		{"Confirmation", []string{"[Ok]", overwritten}, "Ok"},
	}
}

// at waits for a window of a chain, and keeps it.
func (p *person) at(w window) string {
	p.t.Helper()
	return p.sees(append([]string{"┌─ " + w.title + " ─"}, w.shows...)...)
}

// goes does what is documented for a window.
func (p *person) goes(w window) {
	p.t.Helper()
	if w.choose == enter {
		p.does("ENTER")
		p.press("Enter")
		return
	}
	p.chooses(w.choose)
}

// own makes the desk's kata.pem with the program that the source document
// names.
func (k *desk) ownCertificate(name string, more ...string) {
	k.t.Helper()
	k.must("openssl", append(strings.Fields("req -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -set_serial 0x0123456789abcdef0123456789abcdef -keyout key.pem -out certificate.pem -subj /CN="+name), more...)...)
	k.write("kata.pem", k.read("certificate.pem")+k.read("key.pem"))
}
