package exec

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/toolname"
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
	RetrySafe   bool          `can:"1,retry_safe"`               // an attempt with unknown outcome may be repeated
	Cacheable   bool          `can:"2,cacheable"`                // the response depends on the request alone: calls may be given a key of it
	Limits      *ModuleLimits `can:"3,limits"`                   // lower the registration's limits
	Probe       *object.Hash  `can:"4,probe"`                    // the tool that knows whether an attempt with unknown outcome happened; not asked of a retry-safe one
	Permanent   []uint64      `can:"5,permanent_exits,optional"` // exit statuses, 1 to 255, of failures that trying again does not mend
	Price       uint64        `can:"6,price,omitzero"`           // what a call is charged before it, in the smallest unit of whatever prices are in
	KeyFrom     string        `can:"7,key_from,omitzero"`        // a JSON pointer: the argument there is the key of a call that brings none
	Cancellable bool          `can:"8,cancellable,omitzero"`     // the tool is told when its client cancels; what it did is then not known
	Reads       bool          `can:"9,reads,omitzero"`           // calls of agents change nothing: one without a key is not registered
}

// Check refuses a malformed name and an id that is not that of the definition.
func (t Tool) Check() error {
	if err := toolname.Check(t.Name); err != nil {
		return err
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

// Complete sets what a registration leaves out, the id and the types, and checks the rest.
func (t Tool) Complete() (Tool, error) {
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
	return t, nil
}
