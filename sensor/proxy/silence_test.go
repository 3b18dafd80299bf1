package proxy_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"vedette/proto/link"
	"vedette/sensor/proxy"
)

// A silent agent is waited for outside TLS: whatever comes then, also when it
// comes in parts, is read as if nothing had been.
func TestASilentAgentGoesOnWhenItSpeaks(t *testing.T) {
	t.Parallel()
	ends := make(chan error, 1)
	r := open(t, options{times: proxy.Times{Silence: 5 * time.Millisecond}}, func(s *link.Stream) {
		_, err := io.Copy(s, s)
		_ = s.CloseWrite()
		ends <- err
	})
	r.Apply(listing(1, false, nil, nil))
	const silence = 30 * time.Millisecond
	long := string(noise(4, 20_000))
	for name, end := range map[string]func(*caller) error{
		"close_notify":    (*caller).CloseWrite,
		"no close_notify": func(c *caller) error { return c.raw.Conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := r.call(nil)
			for i := range 5 {
				c.says(t, "hello")
				<-time.After(silence)
				c.says(t, long) // several records, of which TLS may hold some already
				c.raw.slow.Store(int64(silence))
				c.says(t, "in two parts")
				c.raw.slow.Store(int64(i) * int64(time.Millisecond))
			}
			c.raw.slow.Store(0)
			<-time.After(silence)
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			var reset *link.ResetError
			if err := <-ends; errors.As(err, &reset) != (name == "no close_notify") {
				t.Fatalf("the Central Node read %v", err)
			}
		})
	}
}
