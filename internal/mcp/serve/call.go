package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/session"
)

// call passes one tools/call through the executor.
func (s *Server) call(ctx context.Context, req *mcp.CallToolRequest, t *tool) (mcp.Result, error) {
	s.working.Add(1)
	defer s.working.Done()
	ticket := ticketOf(req.Extra)
	library := ctx
	ctx, leave := ticket.client(ctx)
	defer leave()
	c := session.Call{Tool: t.Tool, Meta: metaOf(req.Params.Meta), Last: ticket.last}
	var r session.Reply
	if err := s.request(&c, t, req.Params.Arguments); err != nil {
		r.Err = exec.NotStarted(fmt.Errorf("%w: %w", exec.ErrRequest, err))
	} else {
		stop := s.beating(ctx, req)
		r = s.Session.Call(ctx, c)
		stop()
	}
	res, err := s.answer(c, t, r)
	if library.Err() == nil { // what was cancelled has no reader, whatever is written
		ticket.answers(s.Session, r)
	}
	return res, err
}

// request returns the tool's request: the arguments in plain form, or the text in them.
func (s *Server) request(c *session.Call, t *tool, arguments json.RawMessage) error {
	if len(arguments) == 0 || string(arguments) == "null" {
		arguments = json.RawMessage("{}")
	}
	var err error
	if c.Request, err = jsontext.Canonical(arguments); err != nil {
		return fmt.Errorf("the arguments: %w", err)
	}
	if t.schema != nil {
		switch schema, err := t.schema(); {
		case err != nil: // the tool's server checks it better
			s.noteOnce("tool %s: the schema of its arguments is not understood, they are not checked here: %v", t.Name, err)
		default:
			if err := schema.Check(c.Request); err != nil {
				return fmt.Errorf("the arguments do not fit the tool's schema: %w", err)
			}
		}
	}
	if t.Module.Kind == exec.KindMCP {
		c.Local = mcptool.Whole{}
	}
	if t.whole {
		return nil
	}
	c.Request = []byte{}
	members, err := jsontext.FieldsOf(arguments)
	if raw := members.Get("input"); err == nil && raw != nil {
		text, err := jsontext.TextOf(raw)
		c.Request = []byte(text)
		return err
	}
	return err
}

// metaOf returns the members of a request's _meta.
func metaOf(meta mcp.Meta) jsontext.Fields {
	raw, err := json.Marshal(map[string]any(meta))
	if err != nil {
		return nil
	}
	fields, _ := jsontext.FieldsOf(raw) // null has no members
	return fields
}

// beating tells a client that asked for it that its call is under way.
func (s *Server) beating(ctx context.Context, req *mcp.CallToolRequest) (stop func()) {
	token := req.Params.GetProgressToken()
	if token == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		began := time.Now()
		ticker := time.NewTicker(s.Beat)
		defer ticker.Stop()
		for n := 1.0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: n, // it is noticed elsewhere that the client is gone
				Message: fmt.Sprintf("under way since %v", time.Since(began).Round(time.Second))})
		}
	}()
	return func() { cancel(); <-done }
}

// own answers a call of one of this program's tools.
func (s *Server) own(ctx context.Context, req *mcp.CallToolRequest, own Own) (mcp.Result, error) {
	arguments := req.Params.Arguments
	if len(arguments) == 0 || string(arguments) == "null" {
		arguments = json.RawMessage("{}")
	}
	text, err := own.Run(ctx, arguments)
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}}}, nil
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
}
