package asm

import (
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// linker resolves names. Names may be used before they are defined, so references are resolved in fixups after the
// whole text was read, phase by phase.
type linker struct {
	inContract bool // inside a contract's body

	consts, nodes, labels map[string]int
	names                 map[string]*named // "type:x", "sym:x", "contract:x", "tool:x"
	fixups                [phases][]func() error
}

// The phases of fixups: each needs the results of the earlier ones.
const (
	phaseIndex = iota // positions of constants, nodes and labels
	phaseLits         // hashes in contracts
	phaseIDs          // ids of types, symbols, contracts and tools; computed on demand
	phaseHash         // hashes in operands, constants and nodes
	phaseTasks        // ids of tasks
	phases
)

// named is a thing that text refers to by name and bytes by hash.
type named struct {
	token token
	find  func() (object.Hash, error)
	id    object.Hash
	state uint8 // unseen, open or done
}

// Progress of the search for a named thing's id.
const (
	unseen uint8 = iota
	open
	done
)

func (l *linker) fix(phase int, f func() error) { l.fixups[phase] = append(l.fixups[phase], f) }

func (l *linker) define(names map[string]int, t token, i int) error {
	if _, ok := names[t.text]; ok || !isName(t.text) {
		return t.fail("%q is defined twice, or no name", t.text)
	}
	names[t.text] = i
	return nil
}

// hashRef returns a hash that is known in phaseHash; inside a contract, whose id depends on it, in phaseLits.
func (l *linker) hashRef(r ref) (*object.Hash, error) {
	h, phase := new(object.Hash), phaseHash
	if l.inContract {
		phase = phaseLits
		if r.kind == "contract" {
			return nil, r.token.fail("a contract cannot refer to a contract by name")
		}
	}
	l.fix(phase, func() (err error) { *h, err = l.hashOf(r); return err })
	return h, nil
}

// position calls set with the position of a named constant, node or label.
func (l *linker) position(names map[string]int, t token, set func(int)) {
	l.fix(phaseIndex, func() error {
		i, ok := names[t.text]
		if !ok {
			return t.fail("there is nothing named %q", t.text)
		}
		set(i)
		return nil
	})
}

// declare names a thing of the kind ("type", "sym", "contract", "tool"). find returns its id; it runs at most once,
// when the id is first needed.
func (l *linker) declare(kind string, t token, find func() (object.Hash, error)) error {
	key := kind + ":" + t.text
	_, builtin := ir.BuiltinType(t.text)
	if l.names[key] != nil || !isName(t.text) || (kind == "type" && builtin) {
		return t.fail("%q is defined twice, built in, or no name", t.text)
	}
	n := &named{token: t, find: find}
	l.names[key] = n
	l.fix(phaseIDs, func() error { _, err := l.resolve(n, t); return err })
	return nil
}

// resolve returns the id of a named thing; use is the place that needs it.
func (l *linker) resolve(n *named, use token) (object.Hash, error) {
	switch n.state {
	case open:
		return object.Hash{}, use.fail("%q would contain itself", use.text)
	case done:
		return n.id, nil
	}
	n.state = open
	id, err := n.find()
	n.id, n.state = id, done
	return id, err
}

func (l *linker) hashOf(r ref) (object.Hash, error) {
	if r.kind == "" {
		return r.token.hash, nil
	}
	if id, ok := ir.BuiltinType(r.token.text); ok && r.kind == "type" {
		return id, nil
	}
	n := l.names[r.kind+":"+r.token.text]
	if n == nil {
		return object.Hash{}, r.token.fail("there is no %s %q", r.kind, r.token.text)
	}
	return l.resolve(n, r.token)
}
