package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// KV is the key-value store that the registry and the run records need.
type KV = kv.KV

// Tools is the registry of tools, in a key-value store:
//
//	t/i/<tool id, hex>   the canonical Tool
//	t/n/<name>           the canonical Hash of the tool that has the name
//
// A name that is registered again points to the new tool. The old tool stays registered under its id, pinned to the old
// implementation. Several names may stand for one tool; they share its policy.
type Tools struct {
	kv KV

	mu   sync.Mutex
	read map[object.Hash]registered // cache of registrations
}

// registered is a decoded registration with its bytes.
type registered struct {
	raw    []byte
	tool   Tool
	module object.Hash // of tool.Module
}

// maxRegistered is the size of the cache.
const maxRegistered = 256

// NewTools returns the registry in kv.
func NewTools(kv KV) *Tools { return &Tools{kv: kv} }

const (
	toolByID   = kv.ToolsByID
	toolByName = kv.ToolsByName
	casTries   = 16

	toolsAtOnce = 256 // registrations of one update
)

// ErrNoTool means that no tool is registered under an id or a name.
var ErrNoTool = errors.New("no such tool")

// ErrContended means that others kept changing a record that we wanted to change.
var ErrContended = errors.New("record is being changed by others")

// ErrPolicyOfOthers means that a registration would change the policy of a tool that also has other names.
var ErrPolicyOfOthers = errors.New("the same implementation is registered with another policy")

// PolicyError lists the other names whose policy a registration would change.
type PolicyError struct {
	Name   string
	Others []string // ascending
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("tool %s: %v, under the name %s", e.Name, ErrPolicyOfOthers, strings.Join(e.Others, ", "))
}

// Unwrap gives ErrPolicyOfOthers.
func (e *PolicyError) Unwrap() error { return ErrPolicyOfOthers }

// Add registers t under its name and returns the tool as registered. With Given unset, it computes ID. Unset types are
// ir.TypeBytes. A tool that has other names keeps its policy: another policy is a *PolicyError. If the registration
// exists already, nothing is written.
func (r *Tools) Add(ctx context.Context, t Tool) (Tool, error) {
	list := []Tool{t}
	_, err := r.add(ctx, list, false)
	return list[0], err
}

// AddAll registers tools like Add, many in one update, and replaces the elements of list by the tools as registered.
// After an error some of them may be registered.
func (r *Tools) AddAll(ctx context.Context, list []Tool) error {
	for len(list) > 0 {
		n, ids := 0, map[object.Hash]bool{}
		for ; n < min(len(list), toolsAtOnce); n++ {
			t, err := list[n].Complete()
			if err != nil {
				return err
			}
			if ids[t.ID] { // compare its policy with the registration as it then is
				break
			}
			ids[t.ID] = true
		}
		if _, err := r.add(ctx, list[:n], false); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// Replace registers t like Add, even if that changes the policy of a tool that has other names. It returns these names.
func (r *Tools) Replace(ctx context.Context, t Tool) (_ Tool, others []string, err error) {
	list := []Tool{t}
	others, err = r.add(ctx, list, true)
	return list[0], others, err
}

// add registers tools of different ids in one update.
func (r *Tools) add(ctx context.Context, list []Tool, replace bool) (changed []string, err error) {
	ids := make([]object.Hash, len(list))
	for i := range list {
		if list[i], err = list[i].Complete(); err != nil {
			return nil, err
		}
		ids[i] = list[i].ID
	}
	err = r.change(ctx, ids, func(i int, have []byte, names []string) (map[string][]byte, error) {
		t := &list[i]
		raw, err := can.Marshal(t)
		if err != nil {
			return nil, err
		}
		changed = nil
		if others := without(names, t.Name); len(others) > 0 {
			if same, err := samePolicy(have, *t); err != nil {
				return nil, err
			} else if !same {
				changed = others
			}
		}
		if len(changed) > 0 && !replace {
			return nil, &PolicyError{t.Name, changed}
		}
		if bytes.Equal(have, raw) && slices.Contains(names, t.Name) {
			return nil, nil // it is registered already
		}
		id, err := can.Marshal(&t.ID)
		return map[string][]byte{toolByID + t.ID.String(): raw, toolByName + t.Name: id}, err
	})
	return changed, err
}

// Amend changes a tool's policy with fn, which may be called again, for all its names, and returns the other names.
// Errors: ErrNoTool, ErrContended, fn's.
func (r *Tools) Amend(ctx context.Context, name string, fn func(t *Tool) error) (t Tool, others []string, err error) {
	if t, err = r.Find(ctx, name); err != nil {
		return t, nil, err
	}
	err = r.change(ctx, []object.Hash{t.ID}, func(_ int, have []byte, all []string) (map[string][]byte, error) {
		now, err := object.Decode[Tool](have)
		if have == nil {
			err = fmt.Errorf("%w: %s", ErrNoTool, name)
		} else if err == nil {
			err = fn(now)
		}
		if err != nil {
			return nil, err
		}
		raw, err := can.Marshal(now)
		now.Name = t.Name
		t, others = *now, without(all, t.Name)
		return map[string][]byte{toolByID + now.ID.String(): raw}, err
	})
	return t, others, err
}

// samePolicy reports whether the registration have has the same policy as t. If the id is a given one, which pins
// nothing, the implementation counts, too.
func samePolicy(have []byte, t Tool) (bool, error) {
	if have == nil {
		return true, nil
	}
	was, err := object.Decode[Tool](have)
	if err != nil {
		return false, fmt.Errorf("registration of tool %s: %w", t.ID.Short(), err)
	}
	was.Name = t.Name
	a, err := can.Marshal(was)
	if err != nil {
		return false, err
	}
	b, err := can.Marshal(&t)
	return bytes.Equal(a, b), err
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

// change sets keys that fn computes from the registrations and names of ids, all from one moment.
func (r *Tools) change(ctx context.Context, ids []object.Hash, fn func(i int, have []byte, names []string) (map[string][]byte, error)) error {
	for range casTries {
		entries, err := r.names(ctx)
		if err != nil {
			return err
		}
		byID := map[object.Hash][]entry{}
		for _, e := range entries {
			byID[e.id] = append(byID[e.id], e)
		}
		check, put := map[string][]byte{}, map[string][]byte{}
		for i, id := range ids {
			have, err := r.value(ctx, toolByID+id.String())
			if err != nil {
				return err
			}
			check[toolByID+id.String()] = have
			var names []string
			for _, e := range byID[id] {
				names = append(names, e.name)
				check[toolByName+e.name] = e.raw
			}
			own, err := fn(i, have, names)
			if err != nil {
				return err
			}
			maps.Copy(put, own)
		}
		if len(put) == 0 {
			return nil
		}
		for key := range put {
			if _, ok := check[key]; ok {
				continue
			}
			if check[key], err = r.value(ctx, key); err != nil {
				return err
			}
		}
		if ok, err := r.kv.Update(ctx, check, put); ok || err != nil {
			return err
		}
	}
	return ErrContended
}

// value is the value of a key; nil: none.
func (r *Tools) value(ctx context.Context, key string) ([]byte, error) {
	have, found, err := r.kv.Get(ctx, key)
	if err != nil || !found {
		return nil, err
	}
	return have, nil
}

// Get finds a tool by its id. The error wraps ErrNoTool.
func (r *Tools) Get(ctx context.Context, id object.Hash) (Tool, error) {
	t, err := r.get(ctx, id)
	return t.tool, err
}

// get reads a registration. If its bytes are unchanged, it is not decoded again; nobody changes the targets of its
// fields.
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

// named returns the tool of a name's record, with that name.
func (r *Tools) named(ctx context.Context, name string, raw []byte) (Tool, error) {
	var id object.Hash
	if err := can.Unmarshal(raw, &id); err != nil {
		return Tool{}, fmt.Errorf("name %s: %w", name, err)
	}
	t, err := r.Get(ctx, id)
	t.Name = name
	return t, err
}

// entry is the record of a name.
type entry struct {
	name string
	raw  []byte
	id   object.Hash // zero: the record is malformed
}

// names are all names, ascending.
func (r *Tools) names(ctx context.Context) (all []entry, err error) {
	err = r.kv.Scan(ctx, toolByName, kv.End(toolByName), func(key string, value []byte) error {
		e := entry{name: strings.TrimPrefix(key, toolByName), raw: bytes.Clone(value)}
		if can.Unmarshal(e.raw, &e.id) != nil {
			e.id = object.Hash{}
		}
		all = append(all, e)
		return nil
	})
	return all, err
}

// Names calls fn with every name that begins with prefix, ascending, and the id that it stands for.
func (r *Tools) Names(ctx context.Context, prefix string, fn func(name string, id object.Hash) error) error {
	return kv.Scan(ctx, r.kv, toolByName+prefix, func(key string, value []byte) error {
		var id object.Hash
		if err := can.Unmarshal(value, &id); err != nil {
			return fmt.Errorf("name %s: %w", key[len(toolByName):], err)
		}
		return fn(key[len(toolByName):], id)
	})
}

// DanglingError lists names that stand for no tool.
type DanglingError struct{ Names []string }

func (e *DanglingError) Error() string {
	return fmt.Sprintf("names of tools that are not registered: %s", strings.Join(e.Names, ", "))
}

// Unwrap gives ErrNoTool.
func (e *DanglingError) Unwrap() error { return ErrNoTool }

// SkipDangling turns a *DanglingError into nil, for callers who want only the valid names.
func SkipDangling(err error) error {
	var dangling *DanglingError
	if errors.As(err, &dangling) {
		return nil
	}
	return err
}

// List calls fn for every named tool, ascending by name. It returns a *DanglingError at the end if some names stand for
// no tool.
func (r *Tools) List(ctx context.Context, fn func(Tool) error) error {
	all, err := r.names(ctx) // collected first: fn may call the registry
	if err != nil {
		return err
	}
	var dangling []string
	for _, e := range all {
		t, err := r.named(ctx, e.name, e.raw)
		if errors.Is(err, ErrNoTool) {
			dangling = append(dangling, e.name)
			continue
		}
		if err == nil {
			err = fn(t)
		}
		if err != nil {
			return err
		}
	}
	if len(dangling) > 0 {
		return &DanglingError{dangling}
	}
	return nil
}

// Remove removes a name and, with its last name, a tool's registration. It returns the remaining names of the tool.
// Receipts and ledger entries stay. The error wraps ErrNoTool.
func (r *Tools) Remove(ctx context.Context, name string) (others []string, err error) {
	raw, found, err := r.kv.Get(ctx, toolByName+name)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w: %s", ErrNoTool, name)
	}
	var id object.Hash
	if err := can.Unmarshal(raw, &id); err != nil {
		return nil, fmt.Errorf("name %s: %w", name, err)
	}
	err = r.change(ctx, []object.Hash{id}, func(_ int, have []byte, names []string) (map[string][]byte, error) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%w: %s", ErrNoTool, name)
		}
		put := map[string][]byte{toolByName + name: nil}
		if others = without(names, name); len(others) == 0 {
			put[toolByID+id.String()] = nil
			return put, nil
		}
		if have == nil {
			return put, nil
		}
		// The registration contains a name, too: write a remaining one. The write also alerts a concurrent change.
		t, err := object.Decode[Tool](have)
		if err != nil {
			return nil, fmt.Errorf("registration of tool %s: %w", id.Short(), err)
		}
		t.Name = others[0]
		if put[toolByID+id.String()], err = can.Marshal(t); err != nil {
			return nil, err
		}
		return put, nil
	})
	return others, err
}
