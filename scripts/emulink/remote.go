package emulink

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// order is what the parent wants of a child that serves, a line of JSON; nothing
// asks for the counts.
type order struct {
	Set *Options `json:"set,omitempty"`
}

// answer is what the child says to each order, and first of all.
type answer struct {
	A, B        *Namespace
	Forth, Back Counts
	Error       string
}

// Serve is the child's side of Start: it makes a link and does what in says,
// until in or the context ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	var first order
	if err := orders.Decode(&first); err != nil || first.Set == nil {
		return errors.Join(errors.New("no options of a link to serve"), err)
	}
	if err := allAhead(); err != nil {
		return err
	}
	l, err := New(*first.Set)
	if err != nil {
		return errors.Join(err, answers.Encode(answer{Error: err.Error()}))
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := answers.Encode(answer{A: l.A, B: l.B}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { // ends with in, or with the process
		for {
			var o order
			if err := orders.Decode(&o); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				ended <- err
				return
			}
			if err := answers.Encode(l.obey(o)); err != nil {
				ended <- err
				return
			}
		}
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

func (l *Link) obey(o order) (a answer) {
	var err error
	if o.Set != nil {
		err = l.Set(*o.Set)
	} else {
		a.Forth, a.Back, err = l.Counts()
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// Start makes a link whose forwarders run in a child: a command that does
// nothing but Serve on its standard streams. It is for processes that are too
// busy to forward in time.
func Start(cmd *exec.Cmd, o Options) (*Link, error) {
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		return nil, err
	}
	// SIGTERM, so that it removes the namespaces.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: in, orders: json.NewEncoder(in), answers: json.NewDecoder(bufio.NewReader(out))}
	a, err := c.ask(order{Set: &o})
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return &Link{A: a.A, B: a.B, way: c, now: o}, nil
}

// child is a way in a child process.
type child struct {
	cmd     *exec.Cmd
	in      io.Closer
	orders  *json.Encoder
	answers *json.Decoder
}

func (c *child) ask(o order) (a answer, err error) {
	if err := c.orders.Encode(o); err != nil {
		return a, fmt.Errorf("ask the link: %w", err)
	}
	if err := c.answers.Decode(&a); err != nil {
		return a, fmt.Errorf("the link does not answer: %w", err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

func (c *child) set(o Options) error { _, err := c.ask(order{Set: &o}); return err }

func (c *child) counts() (forth, back Counts, err error) {
	a, err := c.ask(order{})
	return a.Forth, a.Back, err
}

func (c *child) close() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }
