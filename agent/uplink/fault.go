package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"

	"vedette/pki"
	"vedette/proto/problem"
)

var errBadAnswer = errors.New("the answer is not one of an agent service")

// Codes of faults that are not the code of a problem body.
const (
	CodeName        = "name-unknown"
	CodeUnreachable = "unreachable"
	CodeTimeout     = "timeout"
	CodeTLS         = "tls"
	CodeWrongPin    = "wrong-pin"
	CodeBadAnswer   = "bad-answer"
	CodeConflict    = "queue-conflict"
	CodeMalformed   = "package-refused"
	CodeCut         = "connection-cut"
)

// Fault is why the agent cannot deliver, for people: a stable code, one plain
// sentence, the next step.
type Fault struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Next string `json:"next_step"`

	// RetryAfter is when the server wants to be asked again; 0 when it did not say.
	RetryAfter time.Duration `json:"-"`
	// Refused: the server was reached and said no to who the agent is.
	Refused bool `json:"-"`
	// ThisSensor: the server is a Sensor that carries nobody; another server may.
	ThisSensor bool  `json:"-"`
	Err        error `json:"-"`
}

func (f *Fault) Error() string { return f.Text }

// Unwrap gives the cause, for logs.
func (f *Fault) Unwrap() error { return f.Err }

// Explain turns an error of a call to a server into a fault.
func Explain(server string, err error) *Fault {
	f := explain(server, err)
	f.Err = err
	return f
}

func explain(server string, err error) *Fault {
	var (
		mismatch *pki.PinMismatch
		refusal  *Refusal
		name     *net.DNSError
		connErr  *connect.Error
		shake    *handshakeError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &mismatch):
		return wrongPin(server, mismatch)
	case errors.As(err, &refusal):
		return refused(server, refusal.Problem)
	case errors.As(err, &name):
		return &Fault{Code: CodeName, Text: fmt.Sprintf("the name of server %s cannot be resolved", server),
			Next: "check the address in the settings and this host's name service, or use an IP address"}
	case errors.As(err, &record):
		return &Fault{Code: CodeTLS, Text: fmt.Sprintf("server %s does not speak TLS", server),
			Next: "check the port: agents connect to the port of the Central Node or Sensor, 443 unless changed"}
	case remoteAlert(err) != nil:
		return &Fault{Code: CodeTLS, Text: fmt.Sprintf("server %s ended the TLS handshake: %s", server, strings.TrimPrefix(remoteAlert(err).Error(), "tls: ")),
			Next: "check that the address is that of a Central Node or Sensor and that the client certificate has a key of at least 2048 bits (RSA) or P-256"}
	case isTimeout(err):
		return &Fault{Code: CodeTimeout, Text: fmt.Sprintf("server %s did not answer in time", server),
			Next: "check the network between this host and the server, or raise timeout"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Fault{Code: CodeUnreachable, Text: fmt.Sprintf("server %s is reachable, but nothing listens on that port", server),
			Next: "check the port, and that the Central Node or Sensor is running"}
	case errors.As(err, &shake):
		return &Fault{Code: CodeTLS, Text: fmt.Sprintf("the TLS handshake with server %s failed", server),
			Next: "check that the address is that of a Central Node or Sensor and that nothing in between inspects TLS"}
	case errors.Is(err, errBadAnswer):
		return &Fault{Code: CodeBadAnswer, Text: fmt.Sprintf("server %s answered something that is no agent service", server),
			Next: "check the address and port: agents connect to a Central Node or Sensor"}
	case isReset(err):
		return &Fault{Code: CodeCut, Text: fmt.Sprintf("server %s cut the connection", server),
			Next: "nothing to do if it passes: the agent keeps its events and asks again within seconds"}
	case errors.As(err, &connErr) && connErr.Code() != connect.CodeUnavailable:
		return ofConnect(server, connErr)
	case connErr != nil && connect.IsWireError(connErr):
		return refused(server, &problem.Problem{Code: problem.Unavailable, RetryAfter: retryAfter(connErr.Meta())})
	}
	var op *net.OpError
	if errors.As(err, &op) || errors.Is(err, context.Canceled) {
		return &Fault{Code: CodeUnreachable, Text: fmt.Sprintf("server %s cannot be reached", server),
			Next: "check the address, the network and firewalls between this host and the server"}
	}
	return &Fault{Code: string(problem.Unavailable), Text: fmt.Sprintf("server %s cannot take anything now", server),
		Next: "nothing to do if it passes; otherwise ask the administrator of the Central Node"}
}

// remoteAlert gives the TLS alert that the server sent, if one is the cause.
// Outside QUIC crypto/tls marks it by the operation alone.
func remoteAlert(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err
	}
	return nil
}

func wrongPin(server string, m *pki.PinMismatch) *Fault {
	if len(m.Expected) == 0 {
		return &Fault{Code: CodeWrongPin, Text: "no server certificate is pinned",
			Next: "add the server certificate of the Central Node, or of the Sensor when traffic goes through one"}
	}
	met := "no certificate"
	if !m.Met.IsZero() {
		met = "certificate " + m.Met.String()
	}
	return &Fault{Code: CodeWrongPin,
		Text: fmt.Sprintf("server %s shows %s, pinned is %s", server, met, m.Expected[0]),
		Next: "if the server's certificate was replaced, compare the fingerprint with the administrator and add the new certificate; if it was not, somebody intercepts the connection"}
}

func refused(server string, p *problem.Problem) *Fault {
	if f := ofSensor(server, p.Code); f != nil {
		f.Code, f.RetryAfter = string(p.Code), p.RetryAfter
		return f
	}
	f := &Fault{Code: string(p.Code), RetryAfter: p.RetryAfter, Refused: p.Status == http.StatusUnauthorized}
	switch p.Code {
	case problem.NoCertificate:
		f.Text = fmt.Sprintf("server %s wants a client certificate and the agent has none", server)
		f.Next = "add the agent certificate (PFX) that the administrator generated: client_certificate of the policy, or --client-certificate"
	case problem.CertificateUnknown:
		f.Text = fmt.Sprintf("server %s does not know the agent's client certificate", server)
		f.Next = "ask the administrator to upload this certificate under Endpoint Agent certificates, or use one that is listed there"
	case problem.Withdrawn:
		f.Text = fmt.Sprintf("the agent's client certificate was withdrawn at server %s", server)
		f.Next = "ask the administrator for a new agent certificate and add it: client_certificate of the policy, or --client-certificate"
	case problem.Pending:
		f.Text = fmt.Sprintf("server %s waits for an administrator to accept the request", server)
		f.Next = "ask the administrator to accept it"
	case problem.Rejected:
		f.Text = fmt.Sprintf("an administrator of server %s rejected the request", server)
		f.Next = "ask the administrator"
	case problem.CertificateChanged:
		f.Text = fmt.Sprintf("server %s knows another client certificate for this agent", server)
		f.Next = "use the certificate that was accepted, or ask the administrator to accept the new one"
	case problem.WrongDoor:
		f.Text = fmt.Sprintf("the certificate that the agent shows to server %s is not one of an agent", server)
		f.Next = "use an agent certificate: client_certificate of the policy, or --client-certificate"
	case problem.StorageFull:
		f.Text = fmt.Sprintf("server %s cannot store anything now", server)
		f.Next = "tell the administrator that the Central Node's disk is full; the agent keeps its events"
	case problem.Busy:
		f.Text = fmt.Sprintf("server %s is busy", server)
		f.Next = "nothing to do if it passes: the agent asks again"
	case problem.Unavailable:
		f.Text = fmt.Sprintf("server %s cannot take anything now", server)
		f.Next = "nothing to do if it passes: the agent keeps its events and asks again; otherwise ask the administrator of the Central Node"
	case problem.TooSlow:
		f.Text = fmt.Sprintf("the agent's request reached server %s too slowly", server)
		f.Next = "check the network between this host and the server; the agent keeps its events and sends them again"
	case problem.BadRequest:
		f.Code = CodeMalformed
		f.Text = fmt.Sprintf("server %s calls the request malformed", server)
		f.Next = "check that agent and Central Node have matching versions"
	default:
		f.Text = fmt.Sprintf("server %s refuses with code %q", server, clean(string(p.Code)))
		f.Next = "ask the administrator of the Central Node"
		f.Code = clean(f.Code)
	}
	return f
}

// retryAfter reads the seconds of a Retry-After header; 0 when there are none.
func retryAfter(h http.Header) time.Duration {
	s, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || s < 0 || s > int(maxSyncPeriod/time.Second) {
		return 0
	}
	return time.Duration(s) * time.Second
}

// clean keeps a foreign code to the letters that codes have.
func clean(s string) string {
	var b []byte
	for i := 0; i < len(s) && len(b) < 40; i++ {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
			b = append(b, c)
		}
	}
	return string(b)
}

func ofConnect(server string, e *connect.Error) *Fault {
	code := e.Code()
	if !connect.IsWireError(e) {
		code = connect.CodeUnknown // ours: the answer could not be read
	}
	switch code {
	case connect.CodeAlreadyExists:
		return &Fault{Code: CodeConflict, Text: fmt.Sprintf("server %s knows this queue from elsewhere", server),
			Next: "nothing to do: the agent gives its queue a new identity"}
	case connect.CodeOutOfRange:
		return &Fault{Code: CodeConflict, Text: fmt.Sprintf("server %s does not know where this queue stands, it may have lost its state", server),
			Next: "nothing to do: the agent gives its queue a new identity"}
	case connect.CodeInvalidArgument:
		return &Fault{Code: CodeMalformed, Text: fmt.Sprintf("server %s calls the request malformed", server),
			Next: "check that agent and Central Node have matching versions"}
	case connect.CodeUnauthenticated, connect.CodePermissionDenied:
		return &Fault{Code: "unauthenticated", Refused: true, Text: fmt.Sprintf("server %s refuses the agent", server),
			Next: "ask the administrator of the Central Node"}
	case connect.CodeResourceExhausted:
		return &Fault{Code: string(problem.Busy), Text: fmt.Sprintf("server %s is busy", server),
			Next: "nothing to do if it passes: the agent asks again"}
	case connect.CodeDeadlineExceeded:
		return &Fault{Code: CodeTimeout, Text: fmt.Sprintf("server %s did not answer in time", server),
			Next: "check the network between this host and the server, or raise timeout"}
	}
	return &Fault{Code: CodeBadAnswer, Text: fmt.Sprintf("server %s answered with the error %q", server, e.Code()),
		Next: "check the address and port, and that agent and Central Node have matching versions"}
}
