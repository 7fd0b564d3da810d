package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/door"
	"github.com/mythos-project/mythos/internal/mcp/session"
)

const maxLine = 16 << 20 // bytes of a message

// Lines serves one client over lines, as of standard input and output, until it has no more to
// say and has its answers, or ctx ends, and what is then under way has ended.
func (s *Server) Lines(ctx context.Context, in io.Reader, out io.Writer) error {
	c := &lines{server: s, out: out, next: make(chan jsonrpc.Message), closed: make(chan struct{}), open: map[jsonrpc.ID]*ticket{}, answered: make(chan struct{}, 1), over: make(chan struct{})}
	c.last, c.lastWord = context.WithCancel(context.WithoutCancel(ctx))
	defer c.lastWord()
	go c.read(in)
	err := s.mcp.Run(ctx, c)
	if errors.Is(err, io.EOF) || errors.Is(err, mcp.ErrConnectionClosed) || ctx.Err() != nil {
		return nil
	}
	return err
}

// lines is a connection with one message per line. A line that is not a message is ignored; an invalid request is
// answered with its error.
type lines struct {
	server *Server
	next   chan jsonrpc.Message
	closed chan struct{}
	once   sync.Once
	// last ends with the client's last word, and answered is told when it then has all answers.
	last     context.Context //nolint:containedctx // it is the client's
	lastWord context.CancelFunc
	answered chan struct{}
	over     chan struct{} // closed when nobody waits for them any more

	turn    sync.Mutex // held from the writing of a message until what follows from it is noted
	writing sync.Mutex // held by who writes to out
	out     io.Writer

	mu   sync.Mutex
	open map[jsonrpc.ID]*ticket // requests that wait for their answer
}

// Connect implements mcp.Transport.
func (c *lines) Connect(context.Context) (mcp.Connection, error) { return c, nil }

// SessionID implements mcp.Connection: there is one.
func (c *lines) SessionID() string { return "" }

// Close implements mcp.Connection.
func (c *lines) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// Read implements mcp.Connection.
func (c *lines) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case m, ok := <-c.next:
		if !ok {
			return nil, io.EOF
		}
		return m, nil
	case <-c.closed:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read passes on the messages until there are no more.
func (c *lines) read(in io.Reader) {
	defer close(c.next)
	r := output.NewLines(in)
	for {
		line, over, err := r.Next(maxLine)
		if over {
			c.server.Notef("the client sent a message of more than %d MiB: it is left out", maxLine>>20)
		} else if line = bytes.TrimSpace(line); len(line) > 0 && !c.take(line) {
			return
		}
		if err != nil {
			c.drain()
			return
		}
	}
}

// drain waits until the client has its answers: it may read them, though it has no more to say.
func (c *lines) drain() {
	c.mu.Lock()
	c.lastWord()
	c.tell()
	c.mu.Unlock()
	select {
	case <-c.answered:
	case <-c.closed:
	case <-time.After(session.Drain):
	}
	close(c.over)
}

// tell says that a client which has said its last word has all answers. c.mu is held.
func (c *lines) tell() {
	if len(c.open) == 0 && c.last.Err() != nil {
		select {
		case c.answered <- struct{}{}:
		default:
		}
	}
}

// take handles a line; false: the connection is closed.
func (c *lines) take(line []byte) bool {
	if jsontext.Kind(line) == '[' {
		if batch, err := jsontext.ListOf(line); err == nil {
			for _, one := range batch {
				if !c.takeOne(one) {
					return false
				}
			}
			return true
		}
	}
	return c.takeOne(line)
}

// settle waits until an answer that is being written has been noted: a client that has read it asks for another call.
func (c *lines) settle() {
	c.turn.Lock()
	defer c.turn.Unlock()
}

func (c *lines) takeOne(line []byte) bool {
	m, err := decoded(line)
	if err != nil {
		c.server.noteOnce("the client sent a line that is not a message; it is left out: %v", err)
		return true
	}
	if req, ok := m.(*jsonrpc.Request); ok && req.IsCall() {
		t := &ticket{last: c.last}
		c.settle()
		c.mu.Lock()
		twice := c.open[req.ID] != nil
		if !twice {
			c.open[req.ID] = t
		}
		c.mu.Unlock()
		if twice {
			c.refuse(req.ID, "a running request has this id")
			return true
		}
		req.Extra = withTicket(t)
	}
	select {
	case c.next <- m:
		return true
	case <-c.closed:
		return false
	}
}

// decoded returns a message. It refuses what two readers could read differently.
func decoded(line []byte) (jsonrpc.Message, error) {
	fields, err := jsontext.FieldsOf(line)
	if err != nil {
		return nil, fmt.Errorf("%w: %.60q", err, line)
	}
	if id := fields.Get("id"); id != nil && fields.Has("method") {
		if _, err := door.ExactID(id); err != nil {
			return nil, err
		}
	}
	return jsonrpc.DecodeMessage(line)
}

func (c *lines) refuse(id jsonrpc.ID, why string) {
	e := &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: why}
	raw, err := json.Marshal(struct {
		Version string         `json:"jsonrpc"`
		ID      any            `json:"id"`
		Error   *jsonrpc.Error `json:"error"`
	}{"2.0", id.Raw(), e})
	if err == nil {
		_ = c.put(raw) // it is noticed elsewhere that a client does not read
	}
}

// put writes a line. A client that has said its last word and does not read holds nobody up.
func (c *lines) put(line []byte) error {
	done := make(chan error, 1)
	go func() {
		c.writing.Lock()
		defer c.writing.Unlock()
		_, err := c.out.Write(append(line, '\n'))
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-c.over:
		return io.ErrClosedPipe
	}
}

// Write implements mcp.Connection.
func (c *lines) Write(_ context.Context, m jsonrpc.Message) error {
	raw, err := jsonrpc.EncodeMessage(m)
	if err != nil {
		return err
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	late := c.last.Err() != nil // before it can be read: whoever has read it may leave at once
	err = c.put(raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	if res, ok := m.(*jsonrpc.Response); ok {
		t := c.open[res.ID]
		if t != nil && err == nil {
			t.written(late)
		}
		delete(c.open, res.ID)
		c.tell()
	}
	return err
}
