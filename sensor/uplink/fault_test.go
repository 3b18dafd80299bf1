package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"vedette/pki"
	"vedette/proto/link"
)

func TestEveryFaultIsASentenceWithANextStep(t *testing.T) {
	const address = "kata.example.com:443"
	remote := &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}
	for words, err := range map[string]error{
		"ended the TLS handshake: tls: bad certificate": remote,
		"handshake with the server":                     &handshakeError{errors.New("odd certificate")},
		"shows another certificate":                     &handshakeError{&pki.PinMismatch{Expected: []pki.Fingerprint{{1}}, Met: pki.Fingerprint{2}}},
		"shows no certificate":                          &pki.PinMismatch{Expected: []pki.Fingerprint{{1}}},
		"No certificate is pinned":                      &pki.PinMismatch{Expected: []pki.Fingerprint{{}}, Met: pki.Fingerprint{2}},
		"broke its rules: protocol, frame":              &link.Error{Code: link.CodeProtocol, Reason: "frame"},
		"at " + address + " broke.":                     &link.Error{Code: link.CodeTimeout},
		"forgotten the link":                            &link.Error{Code: link.CodeGone, Remote: true},
		"ended the link: busy, not\\u{a}now":            &link.Error{Code: link.CodeBusy, Reason: "not\nnow", Remote: true},
		"can be reached, but nothing listens":           fmt.Errorf("dial: %w", syscall.ECONNREFUSED),
		"cannot be reached":                             syscall.EHOSTUNREACH,
		"cut the connection":                            io.ErrUnexpectedEOF,
		"did not answer in time":                        &handshakeError{errTimeout},
		"was interrupted":                               &handshakeError{context.Canceled},
		"control message that makes no sense":           senseless(errors.New("wrong digest")),
	} {
		f := explain(address, err)
		if !strings.Contains(f.detail, words) {
			t.Errorf("%v: says %q, want %q", err, f.detail, words)
		}
		for _, sentence := range []string{f.detail, f.next} {
			if !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, "%!") || strings.ToUpper(sentence[:1]) != sentence[:1] {
				t.Errorf("%v: %q is no sentence", err, sentence)
			}
		}
		if !strings.Contains(f.detail, address) {
			t.Errorf("%v: %q names no address", err, f.detail)
		}
	}
}
