// Package wrap stands between an MCP client and its server. What the two say to one another
// passes as it was written, byte for byte, but for this (spec/tools.md#mcp-clients):
//
//   - a tools/call goes through the gate;
//   - tools that are not pinned, or are described otherwise than they were pinned, are left
//     out of lists;
//   - the capability of tasks is left out of what either says that it can;
//   - a line that is not JSON-RPC, and a result that the client did not ask for, go nowhere.
//
// A server that ends is started again by the client's next message, with the client's own
// initialize.
package wrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/bridge"
	"github.com/mythos-project/mythos/internal/mcp/session"
)

// Proxy stands between one client and its server. All exported fields are set before Serve.
type Proxy struct {
	// Connect starts the server.
	Connect func(ctx context.Context, hear func(line []byte), ended func()) (*mcptool.Conn, error)
	// Session passes calls through the executor; other clients of the agent may share it.
	Session *session.Session
	// Pins knows the registered tools of the server.
	Pins Pins
	// Beat is how often a call that waits here says so, where its client asks for progress; 0: ten seconds.
	Beat time.Duration
	// Notef tells a person what goes wrong.
	Notef func(format string, args ...any)

	out   io.Writer
	outMu sync.Mutex
	outOf error // why nothing more can be written

	mu         sync.Mutex
	conn       *mcptool.Conn
	generation int // how often a server was started
	closing    bool
	asked      map[string]*asked             // requests of the client that the server has not answered
	calls      map[string]context.CancelFunc // calls that the client waits for
	greeting   json.RawMessage               // params of the client's initialize
	greeted    []byte                        // its notifications/initialized
	junk       int                           // lines of the client that are not messages
	working    sync.WaitGroup                // calls that are made
	pending    sync.WaitGroup                // requests and calls that are not answered
	last       context.Context               //nolint:containedctx // it is the client's: ends with its last word
	lastWord   context.CancelFunc
}

// Pins knows the registered tools of a server.
type Pins interface {
	// Find finds the registration of a tool by its name at the server. The error wraps
	// exec.ErrNoTool.
	Find(ctx context.Context, tool string) (exec.Tool, error)
	// Pinned reports which of some tools are registered with exactly these definitions.
	Pinned(ctx context.Context, list []definition.Tool) ([]bool, error)
}

// asked is a request of the client.
type asked struct {
	id         json.RawMessage
	method     string
	generation int // of the server that was asked
}

const (
	maxLine     = 64 << 20 // bytes of a message
	maxUnderWay = 4096     // calls of one client, and its other requests, that have no answer yet
	startTime   = time.Minute
)

// The methods that are looked at.
const (
	methodInitialize  = "initialize"
	methodDiscover    = "server/discover"
	methodCall        = "tools/call"
	methodList        = "tools/list"
	notifyInitialized = "notifications/initialized"
	notifyCancelled   = "notifications/cancelled"
)

// Serve speaks with the client until it has no more to say and has its answers, or ctx ends. What is
// then under way goes on to its end, unless ctx ends. The error is that of a server that does not start.
func (p *Proxy) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	p.out, p.asked, p.calls = out, map[string]*asked{}, map[string]context.CancelFunc{}
	p.last, p.lastWord = context.WithCancel(context.WithoutCancel(ctx))
	defer p.lastWord()
	if _, err := p.server(ctx); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { p.stop(true) })()
	p.read(ctx, in)
	p.drain(ctx)
	p.leave()
	p.working.Wait()
	p.stop(false)
	return nil
}

// read handles the client's lines until there are no more, nothing can be written to it, or ctx ends.
func (p *Proxy) read(ctx context.Context, in io.Reader) {
	r := output.NewLines(in)
	for {
		line, over, err := r.Next(maxLine)
		switch {
		case ctx.Err() != nil:
			return
		case over:
			p.Notef("the client sent a message of more than %d MiB: it is left out", maxLine>>20)
		case len(bytes.TrimSpace(line)) > 0:
			p.take(ctx, line)
		}
		if err != nil || p.broken() {
			return
		}
	}
}

// drain waits until the client has its answers: it may read them, though it has no more to say.
func (p *Proxy) drain(ctx context.Context) {
	p.lastWord()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		p.pending.Wait()
	}()
	for limit := time.After(session.Drain); !p.broken(); {
		select {
		case <-answered:
			return
		case <-limit:
			return
		case <-ctx.Done():
			return
		case <-time.After(lookEvery): // whether it still can be written to
		}
	}
}

const lookEvery = 250 * time.Millisecond

// leave tells every call under way that its client is gone.
func (p *Proxy) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, cancel := range p.calls {
		cancel()
	}
}

// stop ends the server.
func (p *Proxy) stop(now bool) {
	p.mu.Lock()
	p.closing = true
	conn := p.conn
	p.mu.Unlock()
	if conn == nil {
		return
	}
	conn.Close(now)
	if n, first := conn.Noise(); n > 0 {
		p.Notef("the server wrote %d lines to its standard output that are not messages; they begin with: %s", n, first)
	}
}

var errClosing = errors.New("the client is gone")

// server returns the connection; one that is down is opened again, with the client's original greeting.
func (p *Proxy) server(ctx context.Context) (*mcptool.Conn, error) {
	p.mu.Lock()
	conn, closing := p.conn, p.closing
	p.mu.Unlock()
	switch {
	case closing:
		return nil, errClosing
	case conn != nil && !conn.Down():
		return conn, nil
	case conn != nil:
		p.Notef("starting the server again: %v", conn.Why())
	}
	p.mu.Lock()
	p.generation++
	generation := p.generation
	p.mu.Unlock()
	next, err := p.Connect(ctx, p.hear, func() { p.ended(generation) })
	if err != nil {
		return nil, err
	}
	next.Greet = func(ctx context.Context) error { return p.greet(ctx, next) }
	p.mu.Lock()
	p.conn = next
	p.mu.Unlock()
	if err := next.Greet(ctx); err != nil {
		next.Close(true)
		return nil, err
	}
	return next, nil
}

// greet repeats to a server the greeting that the client sent to the previous one, if there was one.
func (p *Proxy) greet(ctx context.Context, conn *mcptool.Conn) error {
	p.mu.Lock()
	greeting, greeted := p.greeting, p.greeted
	p.mu.Unlock()
	if greeting == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	_, rpc, err := conn.Ask(limited, methodInitialize, greeting)
	if rpc != nil {
		err = fmt.Errorf("the server refuses the client's initialize: %s", rpc)
	}
	if err != nil || greeted == nil {
		return err
	}
	return conn.Send(limited, greeted)
}

// ended fails the client's requests to a server that has ended. Calls fail by themselves.
func (p *Proxy) ended(generation int) {
	p.mu.Lock()
	var lost []*asked
	for key, a := range p.asked {
		if a.generation == generation {
			lost = append(lost, a)
			delete(p.asked, key)
			p.pending.Done()
		}
	}
	closing := p.closing
	p.mu.Unlock()
	for _, a := range lost {
		if !closing {
			p.fail(a.id, errEnded)
		}
	}
}

var errEnded = errors.New("the mcp server ended; the next message starts it again")

const codeServer = -32000 // of an error that is the server's own

// fail answers a request with an error.
func (p *Proxy) fail(id json.RawMessage, why error) {
	var e jsontext.Fields
	e.Add("code", json.RawMessage(fmt.Sprint(codeServer)))
	e.Add("message", jsontext.Text(why.Error()))
	_ = p.answer(id, "error", e.JSON()) // a client that does not read is at fault itself
}

// answer writes an answer to the client.
func (p *Proxy) answer(id json.RawMessage, what string, value json.RawMessage) error {
	line := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	line = append(append(append(line, `,"`...), what...), `":`...)
	return p.write(append(append(line, value...), '}'))
}

// write writes one line to the client. If nobody waits for this one, later lines may still be read.
func (p *Proxy) write(line []byte) error {
	p.outMu.Lock()
	defer p.outMu.Unlock()
	if p.outOf != nil {
		return p.outOf
	}
	_, err := p.out.Write(append(bytes.TrimRight(line, "\r\n"), '\n'))
	if !errors.Is(err, bridge.ErrUnheard) {
		p.outOf = err
	}
	return err
}

func (p *Proxy) broken() bool {
	p.outMu.Lock()
	defer p.outMu.Unlock()
	return p.outOf != nil
}
