package exec

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/toolname"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Tool is a registration (spec/tools.md#registration): a name for a tool id, the implementation, and this repository's
// policy for it.
type Tool struct {
	Name         string      `can:"1,name"`
	ID           object.Hash `can:"2,tool_id"`
	RequestType  object.Hash `can:"3,request_type_id"`
	ResponseType object.Hash `can:"4,response_type_id"`
	Module       ModuleRef   `can:"5,module"`
	Policy       Policy      `can:"6,policy"`
	Given        bool        `can:"7,given,omitzero"` // the id was given; it is not that of the definition
}

// Policy is this repository's own choice for a tool; it is not part of the tool's id.
type Policy struct {
	RetrySafe   bool          `can:"1,retry_safe"`               // an attempt with unknown outcome may be repeated
	Cacheable   bool          `can:"2,cacheable"`                // the response depends only on the request: calls may get a key made from it
	Limits      *ModuleLimits `can:"3,limits"`                   // lower the registration's limits
	Probe       *object.Hash  `can:"4,probe"`                    // the tool that finds out whether an attempt with an unknown outcome happened; not used for a retry-safe tool
	Permanent   []uint64      `can:"5,permanent_exits,optional"` // exit statuses, 1 to 255, of failures that another try does not fix
	Price       uint64        `can:"6,price,omitzero"`           // charge for a call, in advance, in the smallest unit of the currency
	KeyFrom     string        `can:"7,key_from,omitzero"`        // a JSON pointer: the argument there is the key of a call that has none
	Cancellable bool          `can:"8,cancellable,omitzero"`     // the tool is told when its client cancels; its outcome is then unknown
	Reads       bool          `can:"9,reads,omitzero"`           // agents' calls change nothing: a call without a key is not registered
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

// Def is the tool in the form of a bundle's definition. A given id does not pin the module.
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

// limits are the bounds of every call of the tool. defaults replace the default ones where set.
func (t Tool) limits(defaults Limits) Limits {
	return DefaultLimits().replace(defaults).replace(t.Module.Limits.limits()).tighten(t.Policy.Limits.limits())
}

// Complete sets what a registration leaves out (the id and the types) and checks the rest.
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
