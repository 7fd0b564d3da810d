// Package serve is a server of the Model Context Protocol. Its tools are the registered tools for which one agent has a
// capability; each call goes through the executor (spec/tools.md#mcp-clients). The library speaks the protocol, in all
// of its versions; this package decides what a result is: it passes on the bytes of a tool's answer.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/object"
)

// Registry is the part of the tool registry that is needed; *exec.Tools is one.
type Registry interface {
	List(ctx context.Context, fn func(exec.Tool) error) error
}

// Server serves one agent, over any number of connections. All exported fields are set before
// Start.
type Server struct {
	Session  *session.Session
	Registry Registry
	// Texts returns the definition of a tool by its hash.
	Texts func(ctx context.Context, h object.Hash) ([]byte, error)
	// Usable says why a capability does not count now; nil: it does.
	Usable func(caps.Chain) error
	// Reads finds what the agent's receipts reach; nil: there are no resources.
	Reads Reads
	// Own are tools of this program, besides the registered ones.
	Own []Own
	// Besides is called when the server is closed, and waits for what its own tools began; may be nil.
	Besides func()
	// Tell adds a text with its receipt to each result, for clients that hide _meta.
	Tell bool
	// Beat is how often a running call reports progress, if its client asks for that.
	Beat time.Duration
	// Notef tells a person what goes wrong.
	Notef func(format string, args ...any)

	mcp     *mcp.Server
	working sync.WaitGroup

	refreshing sync.Mutex // held by who reads the registry
	seen       object.Hash
	noted      sync.Map // texts

	mu    sync.Mutex
	tools map[string]*tool // by their names for the client
}

// Own is a tool of this program, which is listed for every agent. It uses the executor itself.
type Own struct {
	Name, Description string
	Input             json.RawMessage // the schema of its arguments
	Alias             string          // another name for it; empty: none
	Writes            bool            // it does more than read
	// Run answers with a text. An error is read by the model.
	Run func(ctx context.Context, arguments json.RawMessage) (string, error)
}

const (
	// BeatDefault is how often a running call reports progress by default.
	BeatDefault = 10 * time.Second
	pageSize    = 1000
	listTTL     = 5000 // milliseconds for which a list may be cached
	lookTime    = time.Second
)

// Start reads what is registered and held. The error wraps ErrNames if two tools would get the same name.
func (s *Server) Start(ctx context.Context) error {
	if s.Beat == 0 {
		s.Beat = BeatDefault
	}
	s.mcp = mcp.NewServer(&mcp.Implementation{Name: "mythos", Version: mcptool.Version()}, &mcp.ServerOptions{
		PageSize: pageSize, Logger: slog.New(slog.DiscardHandler),
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{ListChanged: true}},
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) {
			c.TTLMs, c.CacheScope = listTTL, "private"
		},
		Instructions: "Every call of a tool needs a capability, happens once for its key, and leaves a signed receipt. A call that is refused says why, and what a person can do.",
	})
	s.mcp.AddReceivingMiddleware(s.receive)
	if s.Reads != nil {
		s.resources()
	}
	return s.refresh(ctx, true)
}

// Watch looks for what was registered, issued or revoked meanwhile, until ctx ends. It takes at most a twentieth of the
// time.
func (s *Server) Watch(ctx context.Context) {
	for pause := lookTime; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		began := time.Now()
		if err := s.refresh(ctx, false); err != nil && ctx.Err() == nil {
			s.noteOnce("the list of tools cannot be read anew: %v", err)
		}
		pause = max(lookTime, 20*time.Since(began))
	}
}

// Close waits until what was answered is forgotten. No connection may be open any more.
func (s *Server) Close() error {
	s.working.Wait()
	if s.Besides != nil {
		s.Besides()
	}
	return s.Session.Close()
}

// noteOnce tells a person something only once, however often it happens.
func (s *Server) noteOnce(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if _, said := s.noted.LoadOrStore(text, true); !said {
		s.Notef("%s", text)
	}
}

// receive handles the calls of tools, and leaves the rest to the library.
func (s *Server) receive(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		call, ok := req.(*mcp.CallToolRequest)
		if !ok {
			return next(ctx, method, req)
		}
		if t := s.find(call.Params.Name); t != nil {
			return s.call(ctx, call, t)
		}
		for _, own := range s.Own {
			if own.Name == call.Params.Name || (own.Alias != "" && own.Alias == call.Params.Name) {
				return s.own(ctx, call, own)
			}
		}
		return next(ctx, method, req)
	}
}

func (s *Server) find(name string) *tool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tools[name]
}

// elsewhere is the library's handler of a tool, which is never reached because of receive.
func elsewhere(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "this tool is not offered any more"}
}

// ErrNames means that two tools would get the same name for the client.
var ErrNames = errors.New("two tools would have one name for the client")
