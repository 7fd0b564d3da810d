package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/door"
)

const maxLine = 16 << 20 // bytes of a message

// Lines serves one client over lines, as of standard input and output, until it has no more to
// say or ctx ends, and what is then under way has ended.
func (s *Server) Lines(ctx context.Context, in io.Reader, out io.Writer) error {
	c := &lines{server: s, out: out, next: make(chan jsonrpc.Message), closed: make(chan struct{}), open: map[jsonrpc.ID]*ticket{}}
	go c.read(in)
	err := s.mcp.Run(ctx, c)
	if errors.Is(err, io.EOF) || errors.Is(err, mcp.ErrConnectionClosed) || ctx.Err() != nil {
		return nil
	}
	return err
}

// lines is a connection of one message a line. A line that is no message is left out; what is
// wrong with a request is its answer.
type lines struct {
	server *Server
	next   chan jsonrpc.Message
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	out  io.Writer
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

// read hands on the messages until there are no more.
func (c *lines) read(in io.Reader) {
	defer close(c.next)
	r := output.NewLines(in)
	for {
		line, over, err := r.Next(maxLine)
		if over {
			c.server.Notef("a message of the client has more than %d MiB: it is left out", maxLine>>20)
		} else if line = bytes.TrimSpace(line); len(line) > 0 && !c.take(line) {
			return
		}
		if err != nil {
			return
		}
	}
}

// take takes a line; false: the connection is closed.
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

func (c *lines) takeOne(line []byte) bool {
	m, err := decoded(line)
	if err != nil {
		c.server.noteOnce("a line of the client is no message, and is left out: %v", err)
		return true
	}
	if req, ok := m.(*jsonrpc.Request); ok && req.IsCall() {
		t := &ticket{}
		c.mu.Lock()
		twice := c.open[req.ID] != nil
		if !twice {
			c.open[req.ID] = t
		}
		c.mu.Unlock()
		if twice {
			c.refuse(req.ID, "this id is that of a request under way")
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

// decoded is a message. What two readers would take for two is none.
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
		c.mu.Lock()
		defer c.mu.Unlock()
		_, _ = c.out.Write(append(raw, '\n')) // a client that does not read is noticed where it is answered
	}
}

// Write implements mcp.Connection.
func (c *lines) Write(_ context.Context, m jsonrpc.Message) error {
	raw, err := jsonrpc.EncodeMessage(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = c.out.Write(append(raw, '\n'))
	if res, ok := m.(*jsonrpc.Response); ok {
		if t := c.open[res.ID]; t != nil && err == nil {
			t.written()
		}
		delete(c.open, res.ID)
	}
	return err
}
