// Package exec is the only way for effects to happen (spec/effects.md, spec/evidence.md).
//
// # Effects
//
// Every effect goes through [Gate.Do]: tool and limits, capability, quota, ledger register, runner, receipt, ledger
// commit. The response is bytes, stored under response_hash.
//
// A receipt's evidence is, in order: the capability that was charged; the hash of the ModuleRef, which pins
// implementation and sandbox; the hash of the module's or binary's bytes; the runner's additions. Built-in tools have
// no ModuleRef. Its notes start with a line "used tokens=N gpu_ms=N" when a tool reports such use, or with "refused: "
// and the reason.
//
// # Tools
//
// A [Tool] is a name for a tool id, an implementation ([ModuleRef]) and a local [Policy]. The tool's id is the ToolID
// of its definition, whose module is the hash of the ModuleRef, so that another binary, other arguments or another
// sandbox make another tool. Runners for each kind of implementation are in the folders below; runnertest is their
// contract.
package exec
