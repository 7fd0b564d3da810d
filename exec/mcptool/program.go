package mcptool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/process"
)

const (
	graceful  = 2 * time.Second // how long a server may take to end after the end of its input
	afterEnd  = time.Second     // how long the rest of the output of an ended server is read
	replyTime = 5 * time.Second // how long an answer to a server's own request may take to be written
)

// program is a server that is a program of this machine.
type program struct {
	cmd  *process.Cmd
	in   *os.File // the server's standard input
	out  *os.File // and output
	kill context.CancelFunc
	dir  string
	path string              // of the program
	hide func(string) string // removes secrets from stored output

	writing chan struct{} // holds one token: its holder may write
	replies chan struct{} // bounds the running answers to the server's own requests
	requests
	stderr output.Spread
	banner output.First
	onList func()        // the server reports that its tools changed
	client *Conn         // the client of this connection; nil: this process is the only client
	exit   error         // how the server ended; set before ended is closed
	ended  chan struct{} // closed when the server has ended
}

var _ link = (*program)(nil)

// startProgram starts the server of a registration. It runs until stop.
func (r *Runner) startProgram(call exec.Call, onList func(), client *Conn) (*program, error) {
	dir, err := os.MkdirTemp(r.Process.Dir, "mythos-mcp-")
	if err != nil {
		return nil, fmt.Errorf("working directory: %w", err)
	}
	// The server outlives the call for which it is started, so it gets nothing from that call. It gets the lock of each
	// call's attempt for the duration of the call (hold).
	call.Key, call.Fence, call.Alive, call.Stdout, call.Stderr = nil, 0, nil, nil, nil
	life, kill := context.WithCancel(context.Background())
	p := &program{client: client, kill: kill, dir: dir, path: call.Module.Argv[0], hide: r.Process.Hiding(call.Module), onList: onList, ended: make(chan struct{}),
		writing: make(chan struct{}, 1), replies: make(chan struct{}, 16)}
	p.cmd = r.Process.Command(life, call, dir)
	p.cmd.Stderr = &p.stderr
	if err := p.start(call.Module); err != nil {
		kill()
		return nil, errors.Join(fmt.Errorf("start %s: %w", call.Module.Argv[0], err), os.RemoveAll(dir))
	}
	go p.run()
	return p, nil
}

// start starts the program with a pipe at either end. The pipes are files, so that waiting for the program closes
// neither and all output is read.
func (p *program) start(ref exec.ModuleRef) error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	defer theirOut.Close()
	p.in, p.out = in, out
	p.cmd.Stdin, p.cmd.Stdout = theirIn, theirOut
	if err := process.Start(p.cmd, ref, p.dir); err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	return nil
}

// run reads the server's messages until its end, and cleans up.
func (p *program) run() {
	reaped := make(chan struct{})
	go func() {
		p.exit = process.Wait(p.cmd)
		_ = p.out.SetReadDeadline(time.Now().Add(afterEnd))
		close(reaped)
	}()
	p.read()
	_ = p.in.Close() // it may be closed already
	timer := time.AfterFunc(graceful, p.kill)
	<-reaped
	timer.Stop()
	p.kill()
	_ = p.out.Close()
	_ = os.RemoveAll(p.dir) // what the server left behind there
	close(p.ended)
	p.fail(p.why())
	if p.client != nil {
		p.client.gone()
	}
}

// read delivers the server's messages.
func (p *program) read() {
	lines := output.NewLines(p.out)
	for {
		limit := p.lineLimit()
		if p.client != nil {
			limit = max(limit, maxLine)
		}
		line, over, err := lines.Next(limit)
		if over {
			p.tooLong(line)
		} else if list := parse(line); list != nil {
			if p.client != nil {
				list = p.client.receive(line, list)
			}
			for _, m := range list {
				p.take(m)
			}
		} else if len(bytes.TrimSpace(line)) > 0 {
			p.banner.Add(line)
		}
		if err != nil {
			return
		}
	}
}

// take handles one message of the server.
func (p *program) take(m message) {
	switch {
	case m.method == listChanged && p.onList != nil:
		p.onList()
	case m.method != "" && m.id != nil:
		select {
		case p.replies <- struct{}{}:
			go p.answer(m)
		default: // it sends requests faster than it reads answers
		}
	case m.method == "":
		p.answered(m)
	}
}

func (p *program) answer(m message) {
	defer func() { <-p.replies }()
	ctx, cancel := context.WithTimeout(context.Background(), replyTime)
	defer cancel()
	_, _ = p.write(ctx, reply(m)) // a server that does not read is at fault itself
}

// write writes one line. n is the number of bytes written.
func (p *program) write(ctx context.Context, line []byte) (n int, err error) {
	select {
	case p.writing <- struct{}{}:
	case <-p.ended:
		return 0, p.why()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-p.writing }()
	defer context.AfterFunc(ctx, func() { _ = p.in.SetWriteDeadline(time.Unix(1, 0)) })()
	for n < len(line) && err == nil {
		_ = p.in.SetWriteDeadline(time.Time{}) // an earlier writer's context may have set it
		if err = ctx.Err(); err != nil {
			break
		}
		var wrote int
		wrote, err = p.in.Write(line[n:])
		n += wrote
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = ctx.Err()
		}
	}
	if 0 < n && n < len(line) {
		_ = p.in.Close() // the rest of the line can no longer follow
	}
	return n, err
}

// ask implements link.
func (p *program) ask(ctx context.Context, x *exchange, method string, params []byte) (answer, error) {
	w, number := p.enter(method, x.limit)
	defer p.leave(number)
	if x.stderr != nil {
		defer p.stderr.Tell(x.stderr)()
	}
	n, err := p.write(ctx, request(p.id(number), method, params))
	if err != nil {
		err = p.unread(ctx, err)
		if n == 0 {
			err = &unsentError{err}
		}
		return answer{}, err
	}
	select {
	case a := <-w.got:
		return a.answer, a.err
	case <-ctx.Done():
		if method == callTool {
			p.giveUp(number)
		}
		return answer{}, ctx.Err()
	}
}

// unread is why the server does not read: it may be about to end.
func (p *program) unread(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	select {
	case <-p.ended:
		return p.why()
	case <-time.After(graceful):
		return err
	}
}

// giveUp tells the server that nobody waits for an answer any more.
func (p *program) giveUp(number int64) {
	ctx, cancel := context.WithTimeout(context.Background(), replyTime/10)
	defer cancel()
	_, _ = p.write(ctx, request(nil, "notifications/cancelled", fmt.Appendf(nil, `{"requestId":%s,"reason":"nobody waits for it"}`, p.id(number))))
}

// id is the id of one of our own requests.
func (p *program) id(number int64) json.RawMessage { return idOf(number, p.client != nil) }

// send implements peer.
func (p *program) send(ctx context.Context, line []byte) error {
	_, err := p.write(ctx, append(bytes.Clone(line), '\n'))
	if err != nil {
		err = p.unread(ctx, err)
	}
	return err
}

// tell implements link.
func (p *program) tell(ctx context.Context, _ *exchange, method string, params []byte) error {
	_, err := p.write(ctx, request(nil, method, params))
	return err
}

// agree implements link: messages over pipes contain the version.
func (p *program) agree(string) {}

// changed reports whether a file of the server has changed since the server was started.
func (p *program) changed() error { return p.cmd.Disturbed() }

// hold lets the server hold the lock of an attempt: if the caller is killed, the attempt continues as long as the
// server runs.
func (p *program) hold(lock *os.File) (drop func(), err error) {
	drop, err = p.cmd.Hold(lock)
	if errors.Is(err, os.ErrProcessDone) {
		<-p.ended // soon: who asks next shall see it
		err = p.why()
	}
	return drop, err
}

// down implements link.
func (p *program) down() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// close implements link. now kills the server instead of letting it end.
func (p *program) close(now bool) {
	_ = p.in.Close()
	if now {
		p.kill()
	}
	timer := time.AfterFunc(graceful, p.kill)
	defer timer.Stop()
	<-p.ended
}

// why returns how the server ended, if it has, and its output, as an error.
func (p *program) why() error {
	said := "it has not answered"
	switch {
	case !p.down():
	case p.exit == nil:
		said = "it ended with exit status 0"
	default:
		said = "it ended with " + p.exit.Error()
	}
	if text := p.hide(p.stderr.Last()); text != "" {
		said += "; standard error: " + text
	}
	if text := p.hide(p.banner.Text()); text != "" {
		said += "; it wrote to standard output, which is for the protocol only: " + text
	}
	return &endedError{server: p.path, said: said, ended: p.down()}
}

// noise returns how many lines of the server's output were not messages, and the first of them.
func (p *program) noise() (lines int, first string) {
	lines, first = p.banner.Count()
	return lines, p.hide(first)
}

// endedError is a server that has ended or does not answer.
type endedError struct {
	server, said string
	ended        bool
}

func (e *endedError) Error() string { return "mcp server " + e.server + ": " + e.said }
