package sshd

import (
	"bytes"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Keys that a terminal's line discipline knows.
const (
	keyInterrupt = 0x03 // ^C
	keyEnd       = 0x04 // ^D
)

// discipline is what becomes of input on its way to the command.
type discipline int

const (
	plain       discipline = iota // bytes of a pipe
	cookedInput                   // keys of a terminal, for programs that know none
	rawInput                      // keys of a terminal, for programs that draw
)

// input is a command's standard input. A pump moves it from the channel into
// one buffer, so that a Read can end without the channel, and ^C is seen while
// nobody reads; the channel's window holds back the client.
type input struct {
	channel   ssh.Channel
	interrupt func()        // ^C was typed
	pumped    chan struct{} // closed when the pump has ended

	mu         sync.Mutex // guards what follows
	change     sync.Cond
	how        discipline
	buf        [streamBuffer]byte
	start, end int   // what was not read yet
	err        error // after what was not read yet
	stopped    error // instead of it
}

// newInput begins to pump. The pump ends when the channel does, or the input is
// stopped and something comes in.
func newInput(channel ssh.Channel, interrupt func()) *input {
	in := &input{channel: channel, interrupt: interrupt, pumped: make(chan struct{})}
	in.change.L = &in.mu
	go in.pump()
	return in
}

func (in *input) pump() {
	defer close(in.pumped)
	for {
		free := in.room()
		if free == nil {
			return
		}
		n, err := in.channel.Read(free)
		if err == io.EOF && n == 0 {
			err = confirmEOF(in.channel)
		}
		if !in.add(n, err) {
			return
		}
	}
}

// room waits for free space in the buffer; nil: nobody will read it.
func (in *input) room() []byte {
	in.mu.Lock()
	defer in.mu.Unlock()
	// A reader of single bytes must not make each of them move the rest.
	for in.end == len(in.buf) && in.start < len(in.buf)/2 && in.stopped == nil {
		in.change.Wait()
	}
	if in.stopped != nil {
		return nil
	}
	if in.start == in.end || in.end == len(in.buf) {
		in.end = copy(in.buf[:], in.buf[in.start:in.end])
		in.start = 0
	}
	return in.buf[in.end:]
}

// add takes n bytes that were read into the room; false: there is no more.
func (in *input) add(n int, err error) bool {
	in.mu.Lock()
	interrupted := in.how == cookedInput && typedInterrupt(in.buf[in.end:in.end+n])
	in.end += n
	in.err = err
	in.change.Broadcast()
	in.mu.Unlock()
	if interrupted {
		in.interrupt()
	}
	return err == nil
}

// confirmEOF tells an end of input that the client sent from one that came of
// the connection's end, which look the same in Read: only a client that is
// there answers.
func confirmEOF(channel ssh.Channel) error {
	if _, err := channel.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// Read reads as a command without a terminal does, or with a cooked one.
func (in *input) Read(p []byte) (int, error) {
	return in.read(p, func(how discipline) bool { return how != rawInput })
}

// rawReader reads as a command that draws does.
type rawReader struct{ *input }

func (r rawReader) Read(p []byte) (int, error) {
	return r.read(p, func(how discipline) bool { return how == rawInput })
}

// read waits for input that is meant for this reader.
func (in *input) read(p []byte, mine func(discipline) bool) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for {
		switch {
		case in.stopped != nil:
			return 0, in.stopped
		case !mine(in.how): // the terminal was given to another
			return 0, io.ErrClosedPipe
		case in.start < in.end && in.how == cookedInput:
			return in.line(p)
		case in.start < in.end:
			return in.take(p, in.buf[in.start:in.end]), nil
		case in.err != nil:
			return 0, in.err
		}
		in.change.Wait()
	}
}

// take moves bytes to a reader. It needs mu.
func (in *input) take(p, from []byte) int {
	n := copy(p, from)
	clear(from[:n]) // the key of an upload passes through here
	in.start += n
	in.change.Broadcast()
	return n
}

// line moves typed keys up to ^D to a reader, CR as LF. It needs mu.
func (in *input) line(p []byte) (int, error) {
	typed := in.buf[in.start:in.end]
	if i := bytes.IndexByte(typed, keyEnd); i == 0 {
		return 0, io.EOF // what is typed after it stays unread
	} else if i > 0 {
		typed = typed[:i]
	}
	n := in.take(p, typed)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, nil
}

func typedInterrupt(typed []byte) bool { return bytes.IndexByte(typed, keyInterrupt) >= 0 }

// cook makes the input that of a terminal, also what was typed ahead.
func (in *input) cook() {
	in.mu.Lock()
	in.how = cookedInput
	interrupted := typedInterrupt(in.buf[in.start:in.end])
	in.mu.Unlock()
	if interrupted {
		in.interrupt()
	}
}

// raw gives the input to a reader that draws, with what was typed ahead.
func (in *input) raw() io.Reader {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.how = rawInput
	in.change.Broadcast()
	return rawReader{in}
}

// stop ends every Read with an error, now and later.
func (in *input) stop(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped == nil {
		in.stopped = err
		in.change.Broadcast()
	}
}

// wait waits for the pump, which ends with the channel, and forgets what was
// never read.
func (in *input) wait() {
	<-in.pumped
	clear(in.buf[:])
}
