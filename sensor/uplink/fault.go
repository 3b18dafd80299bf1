package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"vedette/internal/foreign"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// errTimeout is a Central Node that did not do in time what it should.
var errTimeout = errors.New("no answer in time")

// errControl is a control message that makes no sense.
var errControl = errors.New("control message makes no sense")

// fault is why there is no link, for a person: what happened, and the next
// step, each a sentence.
type fault struct{ detail, next string }

// TLS alerts that are told apart (RFC 8446 section 6).
const (
	alertProtocolVersion       = 70
	alertNoApplicationProtocol = 120
)

const (
	nextNetwork  = "Check the address, and the network and firewalls between this server and the Central Node."
	nextPort     = "Check the address and port: Sensors connect to the port of the Central Node, 443 unless changed."
	nextVersions = "Check that Sensor and Central Node have matching versions; the logs of both say more."
	nextMTU      = "Find the MTU of the way (a VPN or tunnel is the usual cause), let ICMP \"fragmentation needed\" and \"packet too big\" through, or give this server's interface that MTU."
	nextPasses   = "Nothing to do if it passes: the Sensor tries again by itself."
)

// explain says why a connection to address did not come about, or has ended.
func explain(address string, err error) fault {
	var (
		mismatch *pki.PinMismatch
		ended    *link.Error
		name     *net.DNSError
		record   tls.RecordHeaderError
		shake    *handshakeError
		op       *net.OpError
		stuck    *link.StuckError
	)
	say := func(next, format string, args ...any) fault {
		return fault{fmt.Sprintf(format, append([]any{address}, args...)...), next}
	}
	switch {
	case errors.As(err, &stuck):
		return say(nextPasses, "It did not get on while others to %s did, and was given up.")
	case errors.As(err, &mismatch):
		return certificateChanged(address, mismatch)
	case errors.As(err, &ended):
		return linkEnded(address, ended)
	case errors.Is(err, errControl):
		return say(nextVersions, "The server at %s sent a control message that makes no sense.")
	case errors.Is(err, errSwallowed):
		return say(nextMTU, "Large packets on the way to %s are lost without notice.")
	case errors.As(err, &name) && !errors.Is(err, context.Canceled):
		return say("Check the address and this server's name service, or use an IP address.", "The name in the address %s cannot be resolved.")
	case errors.Is(err, errNoLink), isAlert(err, alertNoApplicationProtocol):
		return say("Check that the address is that of a Central Node, and that its version knows Sensor servers.", "The server at %s takes no Sensors: it is no Central Node, or an old one.")
	case isAlert(err, alertProtocolVersion):
		return say(nextPort+" Nothing in between may inspect TLS.", "The server at %s does not speak TLS 1.3, as every Central Node does.")
	case errors.As(err, &record):
		return say(nextPort, "The server at %s does not speak TLS.")
	case errors.Is(err, context.Canceled):
		return say("Repeat it if needed.", "The look at the server at %s was interrupted.")
	case isTimeout(err):
		return say(nextNetwork, "The server at %s did not answer in time.")
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("Check the port, and that the Central Node is running.", "The server at %s can be reached, but nothing listens on that port.")
	case isReset(err):
		return say(nextPasses+" If it stays so, something in between may cut connections.", "The server at %s cut the connection.")
	case errors.As(err, &op) && op.Op == "remote error":
		return say("See the log of the Central Node.", "The server at %s ended the TLS handshake: %s.", op.Err)
	case errors.As(err, &shake):
		return say("Check that the address is that of a Central Node and that nothing in between inspects TLS.", "The TLS handshake with the server at %s did not succeed.")
	}
	return say(nextNetwork, "The server at %s cannot be reached.")
}

func certificateChanged(address string, m *pki.PinMismatch) fault {
	if len(m.Expected) == 0 || m.Expected[0].IsZero() {
		return fault{fmt.Sprintf("No certificate is pinned for the Central Node at %s.", address), setAgain(address)}
	}
	if m.Met.IsZero() {
		return fault{fmt.Sprintf("The server at %s shows no certificate. Nothing was sent to it.", address), nextPort}
	}
	return fault{
		fmt.Sprintf("The server at %s shows another certificate than the one that is pinned. Nothing was sent to it.", address),
		"Compare the fingerprint that was met with that of the server certificate at the Central Node; if they are equal, confirm it (" + setCommand(address) +
			"), and if they are not, somebody stands in between.",
	}
}

func setCommand(address string) string {
	return fmt.Sprintf("`sensor central-node set %s`, or [Change] in the menu", address)
}

func setAgain(address string) string {
	return fmt.Sprintf("Configure the Central Node again: %s.", setCommand(address))
}

// linkEnded explains a CLOSE, or what broke the link here.
func linkEnded(address string, e *link.Error) fault {
	say := func(next, format string, args ...any) fault {
		return fault{fmt.Sprintf(format, append([]any{address}, args...)...), next}
	}
	// why is what the Central Node says in its own words, if it does.
	reason, why := e.Code.String(), ""
	if e.Reason != "" {
		why = ": " + foreign.Line(e.Reason)
		reason += ", " + foreign.Line(e.Reason)
	}
	switch {
	case e.Code == link.CodeLost, e.Code == link.CodeTimeout && !e.Remote:
		return say(nextPasses, "The connection to the Central Node at %s broke.")
	case !e.Remote:
		return say(nextVersions, "The link to the Central Node at %s was ended, since the other side broke its rules: %s.", reason)
	}
	switch e.Code {
	case link.CodeShutdown:
		return say(nextPasses, "The Central Node at %s has ended the link in order%s.", why)
	case link.CodeGone:
		return say(nextPasses, "The Central Node at %s has forgotten the link, as after a restart.")
	case link.CodeVersion:
		return say(nextVersions, "The Central Node at %s speaks other versions of the Sensor link.")
	case link.CodeDuplicate:
		return say("If this lasts, let only one machine have this Sensor's state; the other one needs a state of its own.",
			"Another link with this Sensor's link identity took over at the Central Node at %s: two machines use one identity, or an old link of this Sensor was replaced.")
	case controlv1.CodeDeleted:
		return say("Nothing to do if that was meant; otherwise ask an administrator of the Central Node to accept this Sensor again.",
			"An administrator of the Central Node at %s deleted this Sensor. It will ask again.")
	case controlv1.CodeStranger:
		return say("Ask an administrator of the Central Node to decide about the requests under Sensor servers.",
			"The Central Node at %s takes no request of this Sensor now%s.", why)
	case controlv1.CodeNotAccepted:
		return say("See the log of the Central Node.", "The Central Node at %s does not accept this Sensor now%s.", why)
	case controlv1.CodeControl:
		return say(nextVersions, "The Central Node at %s made no sense of what this Sensor said: %s.", reason)
	}
	return say("See the log of the Central Node.", "The Central Node at %s ended the link: %s.", reason)
}

// isAlert reports whether the peer answered with this TLS alert. crypto/tls
// keeps its type to itself, but names an alert in one way only.
func isAlert(err error, number tls.AlertError) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" && op.Err.Error() == number.Error()
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errTimeout)
}

func isReset(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
