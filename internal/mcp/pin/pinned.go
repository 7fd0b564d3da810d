package pin

import (
	"context"
	"errors"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/object"
)

// pinned is what the id of a server's tool stands for.
type pinned struct {
	tool       string // its name at the server
	definition object.Hash
}

// remember caches what the id of a tool pins: that cannot change, unless the id was given.
func (s *Server) remember(t exec.Tool) pinned {
	p := pinned{tool: t.Module.Tool}
	if t.Module.Kind == exec.KindMCP && t.Module.Definition != nil {
		p.definition = *t.Module.Definition
	}
	if !t.Given {
		s.known.Store(t.ID, p)
	}
	return p
}

// many is the number of tools from which their ids are read together.
const many = 32

// Pinned reports which tools are registered with exactly these definitions.
func (s *Server) Pinned(ctx context.Context, list []definition.Tool) ([]bool, error) {
	registered := func(name string) (exec.Tool, error) { return s.Tools.Find(ctx, name) }
	ids := map[string]object.Hash{}
	if len(list) >= many {
		err := s.Tools.Names(ctx, s.common(list), func(name string, id object.Hash) error {
			ids[name] = id
			return nil
		})
		if err != nil {
			return nil, err
		}
		registered = func(name string) (exec.Tool, error) { return s.Tools.Find(ctx, ids[name].String()) }
	}
	same := make([]bool, len(list))
	for i, d := range list {
		name := ToolName(s.Name, d.Name)
		p, known := s.known.Load(ids[name])
		if !known {
			t, err := registered(name)
			if errors.Is(err, exec.ErrNoTool) {
				continue
			}
			if err != nil {
				return nil, err
			}
			p = s.remember(t)
		}
		same[i] = p == pinned{d.Name, d.Hash()}
	}
	return same, nil
}

// common returns the common prefix of the local names of some tools.
func (s *Server) common(list []definition.Tool) string {
	begin := ToolName(s.Name, list[0].Name)
	for _, d := range list[1:] {
		name := ToolName(s.Name, d.Name)
		for !strings.HasPrefix(name, begin) {
			begin = begin[:len(begin)-1]
		}
	}
	return begin
}
