package vm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// HaltCode says why a task was halted (spec/ir.md#errors).
type HaltCode uint64

// The codes of canonical error objects.
const (
	HaltCPU         HaltCode = 1  // budget: cpu_us
	HaltTokens      HaltCode = 2  // budget: tokens
	HaltIO          HaltCode = 3  // budget: io_count
	HaltStateWrites HaltCode = 4  // budget: state_writes
	HaltDeadline    HaltCode = 5  // budget: deadline_us
	HaltDepth       HaltCode = 6  // budget: max_depth
	HaltSpawn       HaltCode = 7  // budget: max_spawn
	HaltOperand     HaltCode = 10 // an op met a value of an unsuitable kind
	HaltValue       HaltCode = 11 // a value grew beyond its bounds
	HaltMemory      HaltCode = 12 // effects returned more than MaxFetched bytes
	HaltEvents      HaltCode = 13 // more than MaxEvents effects and ASSERTs
	HaltCapability  HaltCode = 20 // a capability is not held, or does not cover the use
	HaltQuota       HaltCode = 21 // a capability's quota is used up
	HaltRefused     HaltCode = 22 // the effect was refused for another reason
	HaltConflict    HaltCode = 23 // the ledger has the key with another request
	HaltDivergent   HaltCode = 24 // the ledger's record of the key diverges
	HaltRequires    HaltCode = 30 // a contract's requires is false
	HaltEnsures     HaltCode = 31 // a contract's ensures is false
	HaltInvariant   HaltCode = 32 // a contract's invariant is false
)

var haltReasons = map[HaltCode]string{
	HaltCPU: "budget exhausted: cpu_us", HaltTokens: "budget exhausted: tokens", HaltIO: "budget exhausted: io_count",
	HaltStateWrites: "budget exhausted: state_writes", HaltDeadline: "budget exhausted: deadline_us",
	HaltDepth: "budget exhausted: max_depth", HaltSpawn: "budget exhausted: max_spawn",
	HaltOperand: "operand of the wrong kind", HaltValue: "value out of bounds", HaltMemory: "too many bytes fetched",
	HaltEvents:     "too many events",
	HaltCapability: "no capability covers this", HaltQuota: "quota used up", HaltRefused: "effect refused",
	HaltConflict: "idempotency conflict", HaltDivergent: "ledger diverges",
	HaltRequires: "contract: requires is false", HaltEnsures: "contract: ensures is false", HaltInvariant: "contract: invariant is false",
}

// String is the reason in error objects.
func (c HaltCode) String() string {
	if s, ok := haltReasons[c]; ok {
		return s
	}
	return fmt.Sprintf("halt code %d", uint64(c))
}

// ErrBudget means that a task's budget is exhausted.
var ErrBudget = errors.New("budget exhausted")

// reason is the code as the reason of a refusal. It wraps ErrBudget if the code is about a budget.
func (c HaltCode) reason() error {
	if c <= HaltSpawn {
		return fmt.Errorf("%w%s", ErrBudget, strings.TrimPrefix(c.String(), ErrBudget.Error()))
	}
	return errors.New(c.String())
}

// HaltError is a halted task, whose result is a canonical error object.
type HaltError struct {
	Code HaltCode
	Op   uint32 // index of the op that could not continue
	Err  error  // details for people: not part of the result; may be nil
}

func (e *HaltError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("halted at op %d: %s", e.Op, e.Code)
	}
	return fmt.Sprintf("halted at op %d: %s: %v", e.Op, e.Code, e.Err)
}

// Unwrap gives the cause, and ErrBudget if a budget is exhausted.
func (e *HaltError) Unwrap() []error {
	var errs []error
	if e.Code <= HaltSpawn {
		errs = append(errs, ErrBudget)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// TypeError is the type of canonical error objects: records {1 code u64, 2 op
// u64, 3 reason text}. The reason is fixed for each code, so that all executors
// give the same object [ir-42].
var TypeError = object.SumText("type:mythos.error")

// Value is the canonical error object.
func (e *HaltError) Value() Value {
	v, err := newRecord(TypeError, []field{
		{1, U64Value(uint64(e.Code))}, {2, U64Value(uint64(e.Op))}, {3, TextValue(e.Code.String())},
	})
	if err != nil {
		return Value{} // three scalars are within every bound
	}
	return v
}
