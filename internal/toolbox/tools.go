// Package toolbox registers tools, pins their implementations, and finds them by name.
package toolbox

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/internal/jsonschema"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Toolbox registers tools and finds them by name.
type Toolbox struct {
	Tools    *exec.Tools
	Gate     *exec.Gate
	Store    *store.Store
	MCP      *mcptool.Runner
	Wasm     *wasm.Runner
	Recorded []string // built-in effects that cannot be called: they only leave receipts
}

// ToolSpec says how to register a tool.
type ToolSpec struct {
	Name      string
	Process   []string // program and arguments
	Wasm      []byte   // module
	HTTP      string   // URL template
	Method    string   // for HTTP; empty: POST
	Headers   map[string]string
	Hosts     []string // to which a redirect may lead, besides the URL's
	Redirects []string // paths of the URL's own host to which secrets are also sent
	MCP       []string // an MCP server: program and arguments, or a single URL
	MCPTool   string   // the tool's name at that server; empty: Name
	// A description of the tool, unless an MCP server gives it: in words, and as JSON Schemas of its request and its
	// response; nil: none.
	Description               string
	InputSchema, OutputSchema []byte
	Declared                  bool     // a harness runs it, and declares its outcome; Name is HARNESS.TOOL
	NoCheck                   bool     // do not ask the MCP server whether it has the tool; then nothing of its description is pinned
	Unconfined                bool     // a process with our own rights
	Read                      []string // paths that a confined process may read
	Write                     []string // and write
	Env                       []string // names of variables that are passed on; +NAME: in addition to those of any caller
	TakesTree                 bool     // for a process: the request names a tree, whose files it may read
	GivesTree                 bool     // for a process: the response names the tree of what it leaves in a folder
	Dir                       *string  // where a process runs: "." is the caller's folder, "" a fresh one; nil: "." if it is unconfined
	NoPin                     bool     // files that the arguments name may change
	PinRuns                   bool     // only the files that it runs are pinned: a script, and what a wrapper such as env starts
	Runtimes                  []string // for a confined process: what these runtimes need may be read (see Runtimes)
	RetrySafe                 bool
	Cacheable                 bool
	// PermanentExits are exit statuses, 1 to 255, of failures that a retry does not fix.
	PermanentExits []uint
	Probe          string // the tool, by name or id, that knows whether an attempt with unknown outcome happened
	Timeout        time.Duration
	Replace        bool         // even if that changes the policy of other names
	ID             *object.Hash // register under this id instead of the computed one
}

// Added is a tool that was registered.
type Added struct {
	Tool    exec.Tool
	Changed []string // other names of the same implementation, whose policy was changed
	Notes   []string // what a person should know about it
}

// Add registers a tool. The tool's id pins the implementation's bytes.
func (to *Toolbox) Add(ctx context.Context, s ToolSpec) (Added, error) {
	a := Added{}
	t, err := to.describe(ctx, s, &a.Notes)
	if err != nil {
		return a, err
	}
	if s.Replace {
		a.Tool, a.Changed, err = to.Tools.Replace(ctx, t)
	} else {
		a.Tool, err = to.Tools.Add(ctx, t)
	}
	return a, err
}

// describe returns the registration that s describes.
func (to *Toolbox) describe(ctx context.Context, s ToolSpec, notes *[]string) (exec.Tool, error) {
	t := exec.Tool{Name: s.Name, Policy: exec.Policy{RetrySafe: s.RetrySafe, Cacheable: s.Cacheable}}
	for _, exit := range s.PermanentExits {
		t.Policy.Permanent = append(t.Policy.Permanent, uint64(exit))
	}
	if s.ID != nil {
		t.ID, t.Given = *s.ID, true
	}
	if s.Probe != "" {
		probe, err := to.Find(ctx, s.Probe)
		if err != nil {
			return exec.Tool{}, fmt.Errorf("tool %s: probe: %w", s.Name, err)
		}
		t.Policy.Probe = &probe.ID
	}
	var err error
	switch {
	case len(s.Process) > 0:
		t.Module, err = ProcessModule(s, notes)
	case s.HTTP != "":
		t.Module = exec.ModuleRef{Kind: exec.KindHTTP, URL: s.HTTP, Method: s.Method, Headers: s.Headers, Hosts: s.Hosts,
			RedirectPaths: s.Redirects, Confinement: exec.ConfineRemote}
	case len(s.MCP) > 0:
		if t.Module, err = mcpModule(s, notes); err == nil && !s.NoCheck {
			err = to.define(ctx, &t.Module, s.Timeout)
		}
	case s.Declared:
		_, tool, _ := strings.Cut(s.Name, ".")
		t.Module = exec.ModuleRef{Kind: exec.KindDeclared, Tool: tool}
	default:
		t.Module, err = to.wasmModule(ctx, s)
	}
	if err == nil {
		err = to.keep(ctx, &t, notes)
	}
	if err == nil && (s.Description != "" || s.InputSchema != nil || s.OutputSchema != nil) {
		err = to.say(ctx, &t.Module, s)
	}
	if err != nil {
		return exec.Tool{}, fmt.Errorf("tool %s: %w", s.Name, err)
	}
	if s.Timeout > 0 {
		t.Module.Limits = &exec.ModuleLimits{TimeoutUs: uint64(s.Timeout.Microseconds())}
	}
	return t, nil
}

// say pins the description of a tool, and stores its text.
func (to *Toolbox) say(ctx context.Context, m *exec.ModuleRef, s ToolSpec) error {
	for _, schema := range []struct {
		what string
		raw  []byte
	}{{"input", s.InputSchema}, {"output", s.OutputSchema}} {
		if schema.raw == nil {
			continue
		}
		if _, err := jsontext.FieldsOf(bytes.TrimSpace(schema.raw)); err != nil {
			return fmt.Errorf("%w: its %s schema is not a JSON object: %w", object.ErrInvalid, schema.what, err)
		}
		if _, err := jsonschema.Read(schema.raw); err != nil {
			return fmt.Errorf("%w: its %s schema: %w", object.ErrInvalid, schema.what, err)
		}
	}
	d, err := definition.Of(s.Name, s.Description, bytes.TrimSpace(s.InputSchema), bytes.TrimSpace(s.OutputSchema))
	if err != nil {
		return fmt.Errorf("%w: %w", object.ErrInvalid, err)
	}
	return to.pinned(ctx, m, d)
}

// pinned stores a definition, and makes its hash a part of the tool's id.
func (to *Toolbox) pinned(ctx context.Context, m *exec.ModuleRef, d definition.Tool) error {
	h, err := to.Store.PutBytes(ctx, d.Text)
	if err != nil {
		return fmt.Errorf("keep the definition: %w", err)
	}
	m.Definition = &h
	return nil
}

func (to *Toolbox) wasmModule(ctx context.Context, s ToolSpec) (exec.ModuleRef, error) {
	if err := to.Wasm.Check(ctx, s.Wasm); err != nil {
		return exec.ModuleRef{}, err
	}
	h, err := to.Store.PutBytes(ctx, s.Wasm)
	return exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &h, Confinement: exec.ConfineWASI}, err
}

// mcpModule returns the module for a tool of a server that is reached by HTTP, or is started like a process.
func mcpModule(s ToolSpec, notes *[]string) (m exec.ModuleRef, err error) {
	if u := s.MCP[0]; strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://") {
		if len(s.MCP) > 1 {
			return m, fmt.Errorf("an MCP server at %s takes no arguments", u)
		}
		m = exec.ModuleRef{URL: u, Headers: s.Headers, Hosts: s.Hosts, RedirectPaths: s.Redirects, Confinement: exec.ConfineRemote}
	} else {
		s.Process = s.MCP
		m, err = ProcessModule(s, notes)
	}
	m.Kind, m.Tool = exec.KindMCP, cmp.Or(s.MCPTool, s.Name)
	return m, err
}

// Find finds a registered or built-in tool ("mythos.train") by name or id.
func (to *Toolbox) Find(ctx context.Context, name string) (exec.Tool, error) {
	if builtin, ok := strings.CutPrefix(name, "mythos."); ok {
		if _, ok := to.Gate.BuiltinName(exec.BuiltinID(builtin)); ok {
			return exec.BuiltinTool(builtin), nil
		}
	}
	return to.Tools.Find(ctx, name)
}

// ID returns the id of a tool by name, id or prefix of an id.
func (to *Toolbox) ID(ctx context.Context, name string) (object.Hash, error) {
	if h, err := object.ParseHash(name); err == nil {
		return h, nil
	}
	if builtin, ok := strings.CutPrefix(name, "mythos."); ok && slices.Contains(to.Recorded, builtin) {
		return exec.BuiltinID(builtin), nil
	}
	t, err := to.Find(ctx, name)
	return t.ID, err
}

// Name returns a tool's name for people.
func (to *Toolbox) Name(ctx context.Context, id object.Hash) string {
	if name, ok := to.Gate.BuiltinName(id); ok {
		return name
	}
	for _, name := range to.Recorded {
		if id == exec.BuiltinID(name) {
			return "mythos." + name
		}
	}
	if t, err := to.Tools.Get(ctx, id); err == nil {
		return t.Name
	}
	return id.Short()
}

// Declared reports whether a tool is run by its harness, which declares the outcome, and by nobody here.
func (to *Toolbox) Declared(ctx context.Context, id object.Hash) bool {
	t, err := to.Tools.Get(ctx, id)
	return err == nil && t.Module.Kind == exec.KindDeclared
}
