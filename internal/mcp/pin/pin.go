// Package pin holds what an MCP server says of its tools to what a person has approved: each
// tool is registered as SERVER.TOOL, and its id holds the server's program, its confinement
// and the hash of the definition (spec/tools.md#definition). What the server says later is
// compared with that.
package pin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sync/errgroup"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/toolname"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// textsAtOnce is how many texts are written at a time: they share a sync.
const textsAtOnce = 64

// Tools is what is needed of the registry of tools; *exec.Tools is one.
type Tools interface {
	Find(ctx context.Context, name string) (exec.Tool, error)
	List(ctx context.Context, fn func(exec.Tool) error) error
	Names(ctx context.Context, prefix string, fn func(name string, id object.Hash) error) error
	AddAll(ctx context.Context, list []exec.Tool) error
	Remove(ctx context.Context, name string) (others []string, err error)
}

// Texts keeps the texts of definitions; *store.Store is one.
type Texts interface {
	PutBytes(ctx context.Context, data []byte) (object.Hash, error)
	Bytes(ctx context.Context, h object.Hash) ([]byte, error)
}

// Server is what is registered of an MCP server. It is safe for concurrent use.
type Server struct {
	Name  string
	Tools Tools
	Texts Texts

	known sync.Map // what a registration pins, by the id that stands for it: pinned
}

// ToolName is what a tool of a server is called here: the server's name, a dot, and the tool's,
// with _ for what a name here cannot have.
func ToolName(server, tool string) string {
	return server + "." + strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)) {
			return r
		}
		return '_'
	}, tool)
}

// Find finds the registration of a tool by its name at the server. The error wraps
// exec.ErrNoTool.
func (s *Server) Find(ctx context.Context, tool string) (exec.Tool, error) {
	t, err := s.Tools.Find(ctx, ToolName(s.Name, tool))
	if errors.Is(err, exec.ErrNoTool) || (err == nil && (t.Module.Kind != exec.KindMCP || t.Module.Tool != tool)) {
		return exec.Tool{}, &UnknownError{s.Name, tool}
	}
	return t, err
}

// Described is what is registered of a tool by its name at the server: its definition. The
// error wraps exec.ErrNoTool.
func (s *Server) Described(ctx context.Context, tool string) (definition.Tool, error) {
	t, err := s.Find(ctx, tool)
	if err != nil || t.Module.Definition == nil {
		return definition.Tool{}, err
	}
	text, err := s.Texts.Bytes(ctx, *t.Module.Definition)
	if err != nil {
		return definition.Tool{}, err
	}
	return definition.Read(text)
}

// UnknownError means that a tool of a server is not registered: nobody has approved it.
type UnknownError struct{ Server, Tool string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("tool %q of server %s is not registered here", e.Tool, e.Server)
}

// Remedy is the command that registers what the server has now.
func (e *UnknownError) Remedy() string { return "mythos tool approve " + e.Server }

// Unwrap gives exec.ErrNoTool.
func (e *UnknownError) Unwrap() error { return exec.ErrNoTool }

// Registered are the server's tools here, ascending by name.
func (s *Server) Registered(ctx context.Context) ([]exec.Tool, error) {
	var list []exec.Tool
	err := exec.SkipDangling(s.Tools.List(ctx, func(t exec.Tool) error {
		if t.Module.Kind == exec.KindMCP && t.Name == ToolName(s.Name, t.Module.Tool) {
			list = append(list, t)
			s.remember(t)
		}
		return nil
	}))
	return list, err
}

// ErrNoServer means that no tool of a server is registered.
var ErrNoServer = errors.New("no tool of this server is registered")

// ErrSeveral means that the tools of one name are those of several servers.
var ErrSeveral = errors.New("its tools are registered for more than one server")

// Module is how the server is started or reached: the implementation of its tools, without a
// tool. Errors: ErrNoServer, ErrSeveral.
func (s *Server) Module(ctx context.Context) (exec.ModuleRef, error) {
	list, err := s.Registered(ctx)
	if err != nil {
		return exec.ModuleRef{}, err
	}
	if len(list) == 0 {
		return exec.ModuleRef{}, fmt.Errorf("%s: %w", s.Name, ErrNoServer)
	}
	module := bare(list[0].Module)
	for _, t := range list[1:] {
		if same, err := equal(module, bare(t.Module)); err != nil || !same {
			return exec.ModuleRef{}, errors.Join(err, fmt.Errorf("%s: %w: %s and %s", s.Name, ErrSeveral, list[0].Name, t.Name))
		}
	}
	return module, nil
}

func bare(m exec.ModuleRef) exec.ModuleRef {
	m.Tool, m.Definition = "", nil
	return m
}

func equal(a, b exec.ModuleRef) (bool, error) {
	x, err := can.Marshal(&a)
	if err != nil {
		return false, err
	}
	y, err := can.Marshal(&b)
	return bytes.Equal(x, y), err
}

// Change is how a tool differs between what is registered and what the server says now.
type Change struct {
	Tool  string   // its name at the server
	Name  string   // and here
	Kind  string   // new, changed, gone, server
	Lines []string // what changed, a line each; of a new one its definition

	was *exec.Tool
	now *definition.Tool
}

// The kinds of changes.
const (
	New     = "new"
	Changed = "changed"
	Gone    = "gone"
	Program = "server" // its program, or how it is confined
)

// ErrNames means that two tools of a server would have one name here.
var ErrNames = errors.New("two tools of the server would have one name here")

// Compare says what is different between the registrations and what the server lists now, as
// module starts it.
func (s *Server) Compare(ctx context.Context, module exec.ModuleRef, now []definition.Tool) ([]Change, error) {
	registered, err := s.Registered(ctx)
	if err != nil {
		return nil, err
	}
	have := make(map[string]*exec.Tool, len(registered))
	for i := range registered {
		have[registered[i].Module.Tool] = &registered[i]
	}
	var changes []Change
	names := map[string]string{}
	for i := range now {
		d := &now[i]
		name := ToolName(s.Name, d.Name)
		if other, taken := names[name]; taken {
			return nil, fmt.Errorf("%w: %q and %q would both be %s", ErrNames, other, d.Name, name)
		}
		names[name] = d.Name
		if err := toolname.Check(name); err != nil {
			return nil, err
		}
		c := Change{Tool: d.Name, Name: name, was: have[d.Name], now: d}
		delete(have, d.Name)
		differs, err := s.differs(ctx, &c, module)
		if err != nil {
			return nil, err
		}
		if differs {
			changes = append(changes, c)
		}
	}
	for _, t := range have {
		changes = append(changes, Change{Tool: t.Module.Tool, Name: t.Name, Kind: Gone, was: t})
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return changes, nil
}

func (s *Server) differs(ctx context.Context, c *Change, module exec.ModuleRef) (bool, error) {
	if c.was == nil {
		c.Kind, c.Lines = New, definition.Difference(nil, c.now.Text)
		return true, nil
	}
	if pinned := c.was.Module.Definition; pinned == nil || *pinned != c.now.Hash() {
		var was []byte
		if pinned != nil {
			var err error
			if was, err = s.Texts.Bytes(ctx, *pinned); err != nil {
				return false, fmt.Errorf("definition of %s: %w", c.Name, err)
			}
		}
		c.Kind, c.Lines = Changed, definition.Difference(was, c.now.Text)
		return true, nil
	}
	same, err := equal(bare(c.was.Module), bare(module))
	if !same {
		c.Kind, c.Lines = Program, moduleLines(c.was.Module, module)
	}
	return !same, err
}

func moduleLines(was, now exec.ModuleRef) (lines []string) {
	say := func(what, a, b string) {
		if a != b {
			lines = append(lines, fmt.Sprintf("%s was %s, is %s", what, a, b))
		}
	}
	short := func(h *object.Hash) string {
		if h == nil {
			return "none"
		}
		return h.String()
	}
	files := func(m exec.ModuleRef) string {
		var all []string
		for _, f := range m.Files {
			all = append(all, f.Path+" "+f.Hash.Short())
		}
		return strings.Join(all, ", ")
	}
	say("the program", short(was.ModuleHash), short(now.ModuleHash))
	say("the command", fmt.Sprintf("%q", was.Argv), fmt.Sprintf("%q", now.Argv))
	say("the pinned files", files(was), files(now))
	say("the URL", was.URL, now.URL)
	say("the confinement", was.Confinement, now.Confinement)
	say("what it reads", fmt.Sprintf("%q", was.Read), fmt.Sprintf("%q", now.Read))
	say("what it writes", fmt.Sprintf("%q", was.Write), fmt.Sprintf("%q", now.Write))
	say("its variables", fmt.Sprintf("%q", slices.Concat(was.Caller, was.Env)), fmt.Sprintf("%q", slices.Concat(now.Caller, now.Env)))
	if len(lines) == 0 {
		lines = append(lines, "how the server is started or reached")
	}
	return lines
}

// Approve registers what changed: new and changed tools as the server describes them now, and
// no longer those that are gone. A changed one keeps the policy that it had, but for hints that its server takes back. It returns the
// tools that were registered.
func (s *Server) Approve(ctx context.Context, module exec.ModuleRef, changes []Change, policy exec.Policy) ([]exec.Tool, error) {
	kept, err := s.keep(ctx, changes)
	if err != nil {
		return nil, err
	}
	var list []exec.Tool
	for i, c := range changes {
		if c.Kind == Gone {
			if _, err := s.Tools.Remove(ctx, c.Name); err != nil && !errors.Is(err, exec.ErrNoTool) {
				return nil, err
			}
			continue
		}
		t := exec.Tool{Name: c.Name, Module: module}
		if t.Policy, err = s.policy(ctx, c, policy); err != nil {
			return nil, fmt.Errorf("tool %s: %w", c.Name, err)
		}
		t.Module.Tool, t.Module.Definition = c.Tool, &kept[i]
		list = append(list, t)
	}
	if err := s.Tools.AddAll(ctx, list); err != nil {
		return nil, err
	}
	return list, nil
}

// keep keeps the texts of definitions, and returns their hashes, one for each change.
func (s *Server) keep(ctx context.Context, changes []Change) ([]object.Hash, error) {
	kept := make([]object.Hash, len(changes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(textsAtOnce)
	for i, c := range changes {
		if c.Kind == Gone {
			continue
		}
		group.Go(func() (err error) {
			if kept[i], err = s.Texts.PutBytes(ctx, c.now.Text); err != nil {
				err = fmt.Errorf("keep the definition of %s: %w", c.Name, err)
			}
			return err
		})
	}
	return kept, group.Wait()
}

// ErrOther means that a server is registered with another command, or otherwise confined.
var ErrOther = errors.New("it is registered differently")

// Same refuses a server that is not started as it is registered: ErrOther.
func Same(name string, registered, asked exec.ModuleRef) error {
	same, err := equal(bare(registered), bare(asked))
	if err != nil || same {
		return err
	}
	return fmt.Errorf("%s: %w: %s", name, ErrOther, strings.Join(moduleLines(registered, asked), "; "))
}
