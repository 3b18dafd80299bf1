package clamd_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/scan/clamd"
)

// What is known of a clamd is not believed of the next one, however soon it is
// there: it may have other settings.
func TestRestartedClamdIsTriedOutAgainAtOnce(t *testing.T) {
	d := start(t, loud)
	t.Cleanup(func() { d.end() })
	stands := time.Now()
	engines := map[string]*clamd.Engine{}
	for _, address := range []string{d.socket, d.tcp} {
		engines[address] = newEngine(t, clamd.Config{Address: address, Now: func() time.Time { return stands }})
	}
	behind := pack(t, strings.NewReader(strings.Repeat("a", 3<<19)+marker))
	for address, e := range engines {
		if r := scan(t, e, behind); len(r.Detections) != 1 {
			t.Fatalf("%s: %+v", address, r)
		}
	}
	for _, c := range []struct{ settings, says string }{
		{cutting, "MaxFileSize"},
		{loud + "ScanMail no\n", "ScanMail"},
		{loud, ""},
	} {
		if err := d.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-d.ended
		d.run(t, c.settings)
		for address, e := range engines {
			if r := scan(t, e, "nothing"); !strings.Contains(r.Skipped, c.says) || (r.Skipped == "") != (c.says == "") {
				t.Errorf("%s: %q does not say %q", address, r.Skipped, c.says)
			}
		}
	}
}

// Who answered may not be who was tried out: no verdict. Nor is there one when
// clamd ends while it is tried out.
func TestOKOfAnotherClamdIsNotBelieved(t *testing.T) {
	f := &fake{sessions: make(chan net.Conn, 100)}
	restart := func() {
		for {
			select {
			case conn := <-f.sessions:
				_ = conn.Close()
			default:
				return
			}
		}
	}
	f.answer = func(object []byte) string {
		if string(object) == "restart" {
			restart()
		}
		return "stream: OK\x00"
	}
	e := newEngine(t, clamd.Config{Address: f.listen(t)})
	if r, err := e.Scan(t.Context(), object(t, "restart")); err == nil || !strings.Contains(err.Error(), "was restarted") {
		t.Errorf("%+v, %v", r, err)
	}
	if r := scan(t, e, "nothing"); r.Skipped != "" {
		t.Errorf("%+v", r)
	}

	f = says("stream: OK\x00")
	f.sessions = make(chan net.Conn, 100)
	f.version = func() string {
		_ = (<-f.sessions).Close()
		return "ClamAV 1.4.6\x00"
	}
	e = newEngine(t, clamd.Config{Address: f.listen(t)})
	mentions(t, e.Health(t.Context()).Trouble, "was restarted")
	if r, err := e.Scan(t.Context(), object(t, "nothing")); err == nil {
		t.Errorf("%+v", r)
	}
}
