package door_test

import (
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"vedette/internal/door"
	"vedette/pki"
	"vedette/pki/pkitest"
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

func TestAForgottenCertificateIsGarbageAndItsConnectionGoesOn(t *testing.T) {
	collected, came := make(chan struct{}), make(chan error, 1)
	l, server, _ := listen(t, limits, func(c *door.Conn) {
		defer c.Cut()
		runtime.AddCleanup(c.Certificate, func(struct{}) { close(collected) }, struct{}{})
		c.ForgetCertificate()
		if c.Leaf.IsZero() || c.Certificate != nil {
			came <- errors.New("it forgot the wrong thing")
			return
		}
		_, err := io.Copy(c, io.LimitReader(c, 6))
		came <- err
		<-collected
	})
	c := secure(t, l, server, pkitest.Pair(t, pki.KeyECDSAP256))
	if _, err := c.Write([]byte("still?")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 6)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "still?" {
		t.Fatalf("%q, %v", answer, err)
	}
	if err := <-came; err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(10 * time.Second); ; {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-deadline:
			close(collected) // ends the connection
			t.Fatal("crypto/tls keeps the certificate")
		default:
		}
	}
}
