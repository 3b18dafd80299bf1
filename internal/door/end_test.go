package door_test

import (
	"errors"
	"io"
	"testing"

	"vedette/internal/door"
)

func TestEndWithoutFarewellIsTruncated(t *testing.T) {
	type end struct {
		data      string
		err       error
		truncated bool
	}
	came := make(chan end, 1)
	l, server, _ := listen(t, limits, func(c *door.Conn) {
		data, err := io.ReadAll(c)
		came <- end{string(data), err, c.Truncated()}
		c.Cut()
	})
	for name, farewell := range map[string]bool{"with close_notify": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			c := secure(t, l, server, nil)
			if _, err := c.Write([]byte("whole?")); err != nil {
				t.Fatal(err)
			}
			closing := c.NetConn().Close
			if farewell {
				closing = c.Close
			}
			if err := closing(); err != nil {
				t.Fatal(err)
			}
			got := <-came
			if got.data != "whole?" || got.err != nil || got.truncated == farewell {
				t.Fatalf("%+v", got)
			}
		})
	}
}

func TestAResetIsAnError(t *testing.T) {
	came := make(chan error, 1)
	l, server, _ := listen(t, limits, func(c *door.Conn) {
		_, err := io.ReadAll(c)
		came <- err
		c.Cut()
	})
	c := secure(t, l, server, nil)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.NetConn().(interface{ SetLinger(int) error }).SetLinger(0), c.NetConn().Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-came; err == nil {
		t.Fatal("a reset reads like an end")
	}
}
