package exec

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Tool is a registration (spec/tools.md#registration): a name of this repository
// for a tool id, what implements it, and how this repository lets it run.
type Tool struct {
	Name         string      `can:"1,name"`
	ID           object.Hash `can:"2,tool_id"`
	RequestType  object.Hash `can:"3,request_type_id"`
	ResponseType object.Hash `can:"4,response_type_id"`
	Module       ModuleRef   `can:"5,module"`
	Policy       Policy      `can:"6,policy"`
	Given        bool        `can:"7,given,omitzero"` // the id was given, it is not that of the definition
}

// Policy is this repository's own choice for a tool; it is no part of its id.
type Policy struct {
	RetrySafe bool          `can:"1,retry_safe"`               // an attempt with unknown outcome may be repeated
	Cacheable bool          `can:"2,cacheable"`                // the response depends on the request alone: CompileCall makes a key of it
	Limits    *ModuleLimits `can:"3,limits"`                   // lower the registration's limits
	Probe     *object.Hash  `can:"4,probe"`                    // the tool that knows whether an attempt with unknown outcome happened; not asked of a retry-safe one
	Permanent []uint64      `can:"5,permanent_exits,optional"` // exit statuses, 1 to 255, of failures that trying again does not mend
}

// ErrNoTool means that no tool is registered under an id or a name.
var ErrNoTool = errors.New("no such tool")

// ErrToolName means that a tool cannot be registered under a name.
var ErrToolName = errors.New("not a tool name: a to z, 0 to 9, dot, dash and underscore, at most 64, starting with a letter")

var toolName = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,63}$`)

// Check refuses a malformed name and an id that is not that of the definition.
func (t Tool) Check() error {
	if !toolName.MatchString(t.Name) || strings.HasPrefix(t.Name, "mythos.") {
		return fmt.Errorf("%q: %w", t.Name, ErrToolName)
	}
	for _, exit := range t.Policy.Permanent {
		if exit < 1 || exit > 255 {
			return fmt.Errorf("%d is not an exit status of a failure: 1 to 255", exit)
		}
	}
	if t.Policy.Probe != nil && *t.Policy.Probe == t.ID {
		return errors.New("a tool is not its own probe")
	}
	if t.Given {
		return nil
	}
	id, err := t.computeID()
	if err == nil && id != t.ID {
		err = fmt.Errorf("%w: the definition gives %s", object.ErrID, id)
	}
	return err
}

// Def is the tool as a bundle defines it. A given id does not pin the module.
func (t Tool) Def() (ir.ToolDef, error) {
	name := t.Name
	def := ir.ToolDef{ToolID: t.ID, Name: &name, RequestTypeID: t.RequestType, ResponseTypeID: t.ResponseType}
	if t.Given {
		return def, nil
	}
	module, err := t.Module.Hash()
	def.Module = &module
	return def, err
}

func (t Tool) computeID() (object.Hash, error) {
	def, err := t.Def()
	if err != nil {
		return object.Hash{}, err
	}
	return ir.ToolID(def)
}

// limits are the bounds of every call of the tool; defaults are instead of the
// default ones where they are set.
func (t Tool) limits(defaults Limits) Limits {
	return DefaultLimits().replace(defaults).replace(t.Module.Limits.limits()).tighten(t.Policy.Limits.limits())
}

// KV is what the registry and the run records need of a key-value store.
type KV interface {
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error
	Update(ctx context.Context, check, put map[string][]byte) (ok bool, err error)
}

// Tools is the registry of tools, kept in a key-value store:
//
//	t/i/<tool id, hex>   the canonical Tool
//	t/n/<name>           the canonical Hash of the tool that has the name
//
// A name that is registered again points to the new tool; the old one stays
// registered under its id, pinned to the old implementation.
type Tools struct {
	kv KV

	mu   sync.Mutex
	read map[object.Hash]registered // the registrations that were read last
}

// registered is a registration that was read, with the bytes that it was read from.
type registered struct {
	raw    []byte
	tool   Tool
	module object.Hash // of tool.Module
}

// maxRegistered is how many registrations are remembered.
const maxRegistered = 256

// NewTools returns the registry in kv.
func NewTools(kv KV) *Tools { return &Tools{kv: kv} }

const (
	toolByID   = "t/i/"
	toolByName = "t/n/"
	casTries   = 16
)

// ErrContended means that others changed a record again and again while we
// wanted to.
var ErrContended = errors.New("record is being changed by others")

// Add registers t under its name. With Given unset, ID is computed. Types that
// are not set are ir.TypeBytes. It returns the tool as registered.
func (r *Tools) Add(ctx context.Context, t Tool) (Tool, error) {
	if t.RequestType.IsZero() {
		t.RequestType = ir.TypeBytes
	}
	if t.ResponseType.IsZero() {
		t.ResponseType = ir.TypeBytes
	}
	if !t.Given {
		id, err := t.computeID()
		if err != nil {
			return Tool{}, fmt.Errorf("tool %s: %w", t.Name, err)
		}
		t.ID = id
	}
	if err := can.Check(&t); err != nil {
		return Tool{}, fmt.Errorf("tool %s: %w", t.Name, err)
	}
	raw, err := can.Marshal(&t)
	if err != nil {
		return Tool{}, err
	}
	id, err := can.Marshal(&t.ID)
	if err != nil {
		return Tool{}, err
	}
	return t, r.put(ctx, map[string][]byte{toolByID + t.ID.String(): raw, toolByName + t.Name: id})
}

// put sets keys whatever they were.
func (r *Tools) put(ctx context.Context, put map[string][]byte) error {
	for range casTries {
		check := make(map[string][]byte, len(put))
		for key := range put {
			have, found, err := r.kv.Get(ctx, key)
			if err != nil {
				return err
			}
			if !found {
				have = nil
			}
			check[key] = have
		}
		if ok, err := r.kv.Update(ctx, check, put); ok || err != nil {
			return err
		}
	}
	return ErrContended
}

// Get finds a tool by its id. The error wraps ErrNoTool.
func (r *Tools) Get(ctx context.Context, id object.Hash) (Tool, error) {
	t, err := r.get(ctx, id)
	return t.tool, err
}

// get reads a registration. One that has the bytes of last time is not decoded again;
// nobody changes what its fields point to.
func (r *Tools) get(ctx context.Context, id object.Hash) (registered, error) {
	raw, found, err := r.kv.Get(ctx, toolByID+id.String())
	if err != nil {
		return registered{}, err
	}
	if !found {
		return registered{}, fmt.Errorf("%w: %s", ErrNoTool, id)
	}
	r.mu.Lock()
	have, known := r.read[id]
	r.mu.Unlock()
	if known && bytes.Equal(have.raw, raw) {
		return have, nil
	}
	t, err := object.Decode[Tool](raw)
	if err != nil {
		return registered{}, fmt.Errorf("registration of tool %s: %w", id.Short(), err)
	}
	module, err := t.Module.Hash()
	if err != nil {
		return registered{}, err
	}
	reg := registered{raw, *t, module}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read == nil || len(r.read) >= maxRegistered {
		r.read = make(map[object.Hash]registered)
	}
	r.read[id] = reg
	return reg, nil
}

// Find finds a tool by its name or by its id in hex. The error wraps ErrNoTool.
func (r *Tools) Find(ctx context.Context, text string) (Tool, error) {
	if id, err := object.ParseHash(text); err == nil {
		return r.Get(ctx, id)
	}
	raw, found, err := r.kv.Get(ctx, toolByName+text)
	if err != nil {
		return Tool{}, err
	}
	if !found {
		return Tool{}, fmt.Errorf("%w: %s", ErrNoTool, text)
	}
	return r.named(ctx, text, raw)
}

// named is the tool that a name's record points to, under that name.
func (r *Tools) named(ctx context.Context, name string, raw []byte) (Tool, error) {
	var id object.Hash
	if err := can.Unmarshal(raw, &id); err != nil {
		return Tool{}, fmt.Errorf("name %s: %w", name, err)
	}
	t, err := r.Get(ctx, id)
	t.Name = name
	return t, err
}

// List calls fn for every named tool, ascending by name.
func (r *Tools) List(ctx context.Context, fn func(Tool) error) error {
	type entry struct {
		name string
		raw  []byte
	}
	var all []entry // collected first: fn may call the registry
	err := r.kv.Scan(ctx, toolByName, toolByName+"\xff", func(key string, value []byte) error {
		all = append(all, entry{strings.TrimPrefix(key, toolByName), bytes.Clone(value)})
		return nil
	})
	for i := 0; err == nil && i < len(all); i++ {
		var t Tool
		if t, err = r.named(ctx, all[i].name, all[i].raw); err == nil {
			err = fn(t)
		}
	}
	return err
}

// Remove forgets a name and the tool that it points to. Receipts and ledger
// entries stay. The error wraps ErrNoTool.
func (r *Tools) Remove(ctx context.Context, name string) error {
	t, err := r.Find(ctx, name)
	if err != nil {
		return err
	}
	return r.put(ctx, map[string][]byte{toolByName + name: nil, toolByID + hex.EncodeToString(t.ID.Sum[:]): nil})
}
