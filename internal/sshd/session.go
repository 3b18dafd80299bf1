package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Exit statuses that the server itself gives.
const (
	exitPanic    = 1
	exitNoShell  = 1
	exitBadLine  = 2 // usage, as in the commands
	streamBuffer = 32 << 10
)

// noShell is the answer to a client that wants a shell where there is none.
const noShell = "The administrator menu is not on this socket; it carries single commands.\r\n" +
	"Try: help\r\n"

// session is one session channel: it serves at most one command.
type session struct {
	conn    *connection
	channel ssh.Channel
	log     *slog.Logger
}

// serve answers the channel's requests until the client closes the channel or
// the connection ends, and then waits for the command.
func (s *session) serve(ctx context.Context, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	started := false
	for request := range requests {
		switch {
		case request.Type == "exec" && !started:
			var payload struct{ Line string }
			if err := ssh.Unmarshal(request.Payload, &payload); err != nil {
				s.reply(request, false)
				continue
			}
			started = true
			s.reply(request, true)
			wg.Go(func() { s.exec(ctx, payload.Line) })
		case request.Type == "shell" && !started:
			started = true
			s.reply(request, true)
			wg.Go(func() {
				s.say(noShell)
				s.exit(exitNoShell)
			})
		case request.Type == "signal" && started:
			// Every signal a client may send asks the command to end.
			cancel()
			s.reply(request, true)
		default:
			s.log.Debug("session request refused", "type", request.Type)
			s.reply(request, false)
		}
	}
}

func (s *session) reply(request *ssh.Request, ok bool) {
	if !request.WantReply {
		return
	}
	if err := request.Reply(ok, nil); err != nil {
		s.log.Debug("cannot answer a session request", "err", err)
	}
}

// exec runs one command line and closes the channel with its exit status.
func (s *session) exec(ctx context.Context, line string) {
	args, err := Split(line)
	if err != nil {
		s.say(err.Error() + "\n")
		s.exit(exitBadLine)
		return
	}
	in, out, errs := s.newInput(ctx), newOutput(s.channel), newOutput(s.channel.Stderr())
	status := s.run(ctx, args, Streams{In: in, Out: out, Err: errs, Draining: s.conn.server.draining})
	in.stop()
	out.stop()
	errs.stop()
	s.exit(status)
	in.wait()
}

// run calls the command hook and survives its panic.
func (s *session) run(ctx context.Context, args []string, streams Streams) (status int) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic in a command", "panic", r, "stack", string(debug.Stack()))
			fmt.Fprintln(streams.Err, "internal error; the daemon's log has the cause")
			status = exitPanic
		}
	}()
	return s.conn.server.cfg.Command(ctx, s.conn.who, args, streams)
}

func (s *session) say(text string) {
	if _, err := io.WriteString(s.channel.Stderr(), text); err != nil {
		s.log.Debug("cannot write to a session", "err", err)
	}
}

// exit ends the session: end of output, exit status, close. Without the status
// before the close, clients report a lost connection.
func (s *session) exit(status int) {
	err := s.channel.CloseWrite()
	_, err2 := s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	err3 := s.channel.Close()
	if err := errors.Join(err, err2, err3); err != nil && !errors.Is(err, io.EOF) {
		s.log.Debug("cannot end a session", "err", err)
	}
}

// input is a command's standard input. A pump moves it from the channel, so
// that a Read can end with the context; the pump holds one buffer, and the
// channel's window holds back the client.
type input struct {
	*io.PipeReader
	pumped  chan struct{} // closed when the pump has ended
	release func() bool
}

func (s *session) newInput(ctx context.Context) *input {
	r, w := io.Pipe()
	in := &input{PipeReader: r, pumped: make(chan struct{})}
	in.release = context.AfterFunc(ctx, func() { r.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer close(in.pumped)
		buf := make([]byte, streamBuffer)
		// The key of an upload passes through this buffer.
		defer clear(buf)
		_, err := io.CopyBuffer(w, onlyReader{s.channel}, buf)
		if err == nil {
			err = s.confirmEOF()
		}
		w.CloseWithError(err)
	}()
	return in
}

// confirmEOF tells an end of input that the client sent from one that came of
// the connection's end, which look the same in Read: only a client that is
// there answers.
func (s *session) confirmEOF() error {
	if _, err := s.channel.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

func (in *input) stop() {
	in.release()
	in.Close()
}

func (in *input) wait() { <-in.pumped }

// onlyReader hides a channel's other methods from io.CopyBuffer.
type onlyReader struct{ io.Reader }

// output is one of a command's output streams: safe for several goroutines, and
// for a goroutine that outlives its command.
type output struct {
	mu sync.Mutex // guards w
	w  io.Writer  // nil when the command has ended
}

func newOutput(w io.Writer) *output { return &output{w: w} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.w == nil {
		return 0, io.ErrClosedPipe
	}
	n, err := o.w.Write(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrClosedPipe // the client has gone
	}
	return n, err
}

func (o *output) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w = nil
}
