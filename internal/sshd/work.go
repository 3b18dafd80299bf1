package sshd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"vedette/internal/acts"
	"vedette/internal/sshd/home"
)

// command is the work of one command line.
func (s *session) command(args []string) work {
	return func(ctx context.Context, st *streams) int {
		streams := Streams{In: st.in, Out: st.out, Err: st.errs, Draining: s.conn.server.draining}
		if s.pty != nil {
			st.in.cook()
			// A terminal has one stream, on which messages and data keep their order.
			streams.Out = cooked{st.out}
			streams.Err = streams.Out
			streams.Terminal = &Terminal{
				Name: s.pty.name, Env: s.env, Size: s.pty.screen.size, Resized: s.pty.screen.resized,
				raw: func() (io.Reader, io.Writer) { return st.in.raw(), st.out },
			}
		}
		return s.conn.server.cfg.Command(ctx, s.conn.who, args, streams)
	}
}

// exec is the work of a line that a client gave.
func (s *session) exec(line string) work {
	args, err := Split(line)
	switch {
	case err != nil:
		return func(_ context.Context, st *streams) int {
			fmt.Fprintln(s.messages(st), err)
			return exitBadLine
		}
	case len(args) > 0 && args[0] == "scp" && s.conn.server.cfg.Home != nil:
		return s.scp(args[1:])
	}
	return s.command(args)
}

// folder is the home folder of whoever signed in.
func (s *session) folder() home.Folder {
	who := s.conn.who
	who.Face = acts.FaceCopy
	return s.conn.server.cfg.Home(who)
}

// scp is the work of the older copy protocol, whose far end starts "scp" here.
func (s *session) scp(args []string) work {
	return func(ctx context.Context, st *streams) int {
		return home.ServeSCP(ctx, args, st.in, st.out, st.errs, s.folder(), s.log)
	}
}

// sftp is the work of the SFTP subsystem; nil: there is none.
func (s *session) sftp() work {
	if s.conn.server.cfg.Home == nil {
		return nil
	}
	return func(ctx context.Context, st *streams) int {
		if err := home.ServeSFTP(ctx, transfer{st}, s.folder(), s.log); err != nil {
			s.log.Info("a file transfer broke", "err", err)
			return exitFailed
		}
		return 0
	}
}

// transfer is a session's channel as a file transfer sees it.
type transfer struct{ *streams }

func (t transfer) Read(p []byte) (int, error)  { return t.in.Read(p) }
func (t transfer) Write(p []byte) (int, error) { return t.out.Write(p) }

func (t transfer) Close() error {
	t.in.stop(io.ErrClosedPipe)
	return nil
}

// Stderr is where a person reads what the protocol has no words for.
func (t transfer) Stderr() io.ReadWriter {
	return struct {
		io.Reader
		io.Writer
	}{strings.NewReader(""), t.errs}
}
