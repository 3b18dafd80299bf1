package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Exit statuses that the server itself gives.
const (
	exitFailed  = 1 // a panic; a file transfer that broke
	exitBadLine = 2 // usage, as in the commands
)

const (
	streamBuffer = 32 << 10 // bytes, in each direction
	// lastWords is how long an interrupted command may still write to a client
	// that does not read.
	lastWords = time.Second
)

// session is one session channel: it serves at most one command.
type session struct {
	conn    *connection
	channel ssh.Channel
	log     *slog.Logger
	env     map[string]string
	pty     *pty // nil: the client asked for none
	started bool
}

func newSession(c *connection, channel ssh.Channel) *session {
	return &session{conn: c, channel: channel, log: c.log, env: map[string]string{}}
}

// serve answers the channel's requests until the client closes the channel or
// the connection ends, and then waits for the command.
func (s *session) serve(ctx context.Context, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for request := range requests {
		begin, ends, ok := s.answer(request)
		if !ok {
			s.log.Debug("session request refused", "type", shortText(request.Type))
		}
		s.reply(request, ok) // before the channel can be closed
		if ends {
			cancel()
		}
		if begin != nil {
			wg.Go(func() { s.run(ctx, cancel, begin) })
		}
	}
}

// work is what a session does, in the end with an exit status.
type work func(context.Context, *streams) (exit int)

// answer says whether a request is granted, what begins with it, and whether it
// ends what runs.
func (s *session) answer(request *ssh.Request) (begin work, ends, ok bool) {
	if s.started {
		ends, ok = s.answerRunning(request)
		return nil, ends, ok
	}
	switch request.Type {
	case "pty-req":
		asked, err := parsePty(request.Payload)
		if err != nil || s.pty != nil {
			return nil, false, false
		}
		s.pty = asked
		return nil, false, true
	case "window-change":
		return nil, false, s.resize(request.Payload)
	case "env":
		name, value, ok := parseEnv(request.Payload)
		if ok {
			s.env[name] = value
		}
		return nil, false, ok
	case "shell":
		begin = s.command([]string{"menu"})
	case "exec":
		var payload struct{ Line string }
		if ssh.Unmarshal(request.Payload, &payload) == nil {
			begin = s.exec(payload.Line)
		}
	case "subsystem":
		var payload struct{ Name string }
		if ssh.Unmarshal(request.Payload, &payload) == nil && payload.Name == "sftp" {
			begin = s.sftp()
		}
	}
	s.started = begin != nil
	return begin, false, s.started
}

// answerRunning answers what comes while a command runs.
func (s *session) answerRunning(request *ssh.Request) (ends, ok bool) {
	switch request.Type {
	case "window-change":
		return false, s.resize(request.Payload)
	case "signal":
		// Names are those of RFC 4254, section 6.10.
		var payload struct{ Name string }
		if ssh.Unmarshal(request.Payload, &payload) != nil {
			return false, false
		}
		switch ssh.Signal(payload.Name) {
		case ssh.SIGINT, ssh.SIGTERM, ssh.SIGHUP, ssh.SIGQUIT, ssh.SIGKILL, ssh.SIGABRT:
			return true, true
		}
	case "break": // RFC 4335: what ^C is on a serial line
		return true, true
	}
	return false, false
}

func (s *session) resize(payload []byte) bool {
	var size sizeRequest
	if s.pty == nil || ssh.Unmarshal(payload, &size) != nil {
		return false
	}
	s.pty.screen.resize(size.Columns, size.Rows)
	return true
}

func (s *session) reply(request *ssh.Request, ok bool) {
	if !request.WantReply {
		return
	}
	if err := request.Reply(ok, nil); err != nil {
		s.log.Debug("cannot answer a session request", "err", err)
	}
}

// streams are a session's, whatever runs on it.
type streams struct {
	in        *input
	out, errs *output
}

// run does the work of a session, survives its panic, and closes the channel
// with its exit status.
func (s *session) run(ctx context.Context, cancel func(), begin work) {
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	st := &streams{
		in:   newInput(s.channel, cancel),
		out:  newOutput(late.Done(), s.channel),
		errs: newOutput(late.Done(), s.channel.Stderr()),
	}
	// The command learns that it has to end when it can hear nothing any more.
	working, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	release := context.AfterFunc(ctx, func() {
		why := context.Cause(ctx)
		st.in.stop(why)
		stop(why)
		time.AfterFunc(lastWords, end)
	})
	if s.pty != nil {
		s.conn.draws(+1)
		defer s.conn.draws(-1)
	}
	status := exitFailed
	if ctx.Err() == nil { // work that nobody may ask for any more is not begun
		status = s.guard(working, begin, st)
	}
	status = s.conn.status(status)
	release()
	end()
	st.in.stop(io.ErrClosedPipe)
	whole, wholeErrs := st.out.stop(), st.errs.stop()
	s.exit(status, whole && wholeErrs)
	st.in.wait()
	st.out.wait()
	st.errs.wait()
}

// guard keeps a panic in its session.
func (s *session) guard(ctx context.Context, begin work, st *streams) (status int) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic in a command", "panic", r, "stack", string(debug.Stack()))
			fmt.Fprintln(s.messages(st), "internal error; the daemon's log has the cause")
			status = exitFailed
		}
	}()
	return begin(ctx, st)
}

// messages is where the server itself says what is wrong.
func (s *session) messages(st *streams) io.Writer {
	if s.pty != nil {
		return cooked{st.out}
	}
	return st.errs
}

// exit ends the session: exit status, end of output if it is whole, close.
// Without the status clients report a lost connection; one that has ended its
// own input may answer the end of output with a close, which no status follows.
func (s *session) exit(status int, whole bool) {
	_, err := s.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	var err2 error
	if whole {
		err2 = s.channel.CloseWrite()
	}
	err3 := s.channel.Close()
	if err := errors.Join(err, err2, err3); err != nil && !errors.Is(err, io.EOF) {
		s.log.Debug("cannot end a session", "err", err)
	}
}
