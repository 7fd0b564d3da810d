package exec

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// Builtin is a tool that is compiled into the executor. Its id is BuiltinID(name). It passes through the gate like any
// other tool.
type Builtin struct {
	// Use returns the authority that a request needs. An error refuses the request.
	Use func(request []byte) (scope.Use, error)
	// Run executes the call. As for a Runner, an error leaves an unknown outcome.
	Run func(ctx context.Context, call Call) (Response, error)
	// Writes and Spawns say that each call charges the task one state write, or one worker.
	Writes, Spawns bool
	// RetrySafe says that an attempt with unknown outcome may be repeated. Repeatable says it of one request, and is asked
	// only if there is such an attempt; nil: of none.
	RetrySafe  bool
	Repeatable func(ctx context.Context, request []byte) bool
	// Limits replace the default ones where set.
	Limits Limits
	// KeepOut refuses another request under a key without leaving a mark: the key's history stays unchanged.
	KeepOut bool
	// Always allows calls while everything is frozen.
	Always bool
}

type builtin struct {
	Builtin
	name string
}

// BuiltinID is the id of a built-in tool: SHA-256("tool:mythos." + name).
func BuiltinID(name string) object.Hash { return ir.BuiltinTool(name) }

// Builtin adds a built-in tool. It is called before the first Do.
func (g *Gate) Builtin(name string, b Builtin) {
	if g.builtins == nil {
		g.builtins = make(map[object.Hash]builtin)
	}
	g.builtins[BuiltinID(name)] = builtin{b, "mythos." + name}
}

// BuiltinName is the name of a built-in tool, for example "mythos.blob.put".
func (g *Gate) BuiltinName(id object.Hash) (string, bool) {
	b, ok := g.builtins[id]
	return b.name, ok
}

// RetrySafe reports whether an attempt at a built-in tool with an unknown outcome may be repeated.
func (g *Gate) RetrySafe(id object.Hash) bool { return g.builtins[id].RetrySafe }

// Charged reports whether each call of a tool charges a task a state write or a worker.
func (g *Gate) Charged(id object.Hash) (writes, spawns bool) {
	b := g.builtins[id]
	return b.Writes, b.Spawns
}

// runFunc is a built-in tool's runner.
type runFunc func(ctx context.Context, call Call) (Response, error)

func (f runFunc) Run(ctx context.Context, call Call) (Response, error) {
	call.Started()
	return f(ctx, call)
}

// target is a tool as the gate uses it, registered or built in.
type target struct {
	name       string
	module     ModuleRef
	runner     Runner
	limits     Limits
	retrySafe  bool
	repeatable func(ctx context.Context, request []byte) bool // retrySafe, for some requests; nil: for none
	probe      *object.Hash
	// exit statuses of failures that another try does not fix
	permanentExits []uint64
	keepOut        bool
	always         bool // it is allowed while everything is frozen
	use            func(request []byte) (scope.Use, error)
	evidence       []object.Hash
}

// resolve finds a tool by its id. Where a registered tool names no limit, it has the default. The error wraps ErrNoTool
// if there is no such tool.
func (g *Gate) resolve(ctx context.Context, id object.Hash, defaults Limits) (target, error) {
	if b, ok := g.builtins[id]; ok {
		return target{
			name: b.name, runner: runFunc(b.Run), limits: DefaultLimits().replace(b.Limits),
			retrySafe: b.RetrySafe, repeatable: b.Repeatable, keepOut: b.KeepOut, always: b.Always, use: b.Use,
		}, nil
	}
	reg, err := g.Tools.get(ctx, id)
	if err != nil {
		return target{}, err
	}
	tool := reg.tool
	runner := g.Runners[tool.Module.Kind]
	if runner == nil {
		return target{}, fmt.Errorf("%w: nothing here runs %s tools", ErrNoTool, KindName(tool.Module.Kind))
	}
	evidence := []object.Hash{reg.module}
	if h := tool.Module.ModuleHash; h != nil {
		evidence = append(evidence, *h)
	}
	return target{
		name: tool.Name, module: tool.Module, runner: runner, limits: tool.limits(defaults), retrySafe: tool.Policy.RetrySafe,
		probe: tool.Policy.Probe, permanentExits: tool.Policy.Permanent,
		use: func(request []byte) (scope.Use, error) {
			return scope.Use{Kind: scope.KindToolCall, Tool: id, Request: request, Price: tool.Policy.Price}, nil
		},
		evidence: evidence,
	}, nil
}

// Use returns the authority that a request to a tool needs, which a capability has to cover. The error wraps ErrNoTool
// if there is no such tool.
func (g *Gate) Use(ctx context.Context, tool object.Hash, request []byte) (scope.Use, error) {
	t, err := g.resolve(ctx, tool, g.Defaults)
	if err != nil {
		return scope.Use{}, err
	}
	return t.use(request)
}

// BuiltinTool is a built-in tool in the form of a registered one, for a [CallSpec].
func BuiltinTool(name string) Tool {
	return Tool{Name: name, ID: BuiltinID(name), RequestType: ir.TypeBytes, ResponseType: ir.TypeBytes, Given: true}
}

// Failed is the response of a built-in tool whose effect failed; the body is the reason.
func Failed(err error) Response {
	return Response{Body: []byte(err.Error()), Status: StatusFailed, Notes: err.Error(), Cause: err}
}
