// Package exec executes MYTHOS-IR and is the one path by which effects happen
// (spec/effects.md, spec/evidence.md).
//
// # Machine
//
// An [Executor] validates a bundle wholly and runs one task. What an op does and
// costs is in package ir. Values are immutable (see [Value] for their encoding);
// the result's hash is that of its encoding. A task that cannot go on is halted:
// its result is a canonical error object (see [TypeError], [HaltCode]), the same
// on every executor.
//
// Authority is per frame: REQUIRE_CAP activates a capability that the task was
// given, named by its id or by that of one it was derived from, until the frame
// ends. A called symbol starts with none.
//
// # Effects
//
// EFFECT and the BLOB ops go through [Gate.Do]: tool and limits, capability,
// quota, ledger register, runner, receipt, ledger commit. EFFECT's request is the
// bytes of a bytes value, the UTF-8 of a text, and the canonical encoding of
// anything else; a key likewise, null being none. The response is bytes, kept in
// the store under response_hash. What an effect spends of the budget is the same
// whether it is invoked or replayed.
//
// A receipt's evidence is, in order: the capability that was charged; the hash of
// the ModuleRef, which pins implementation and sandbox; the hash of the module's
// or binary's bytes; what the runner adds. Built-in tools have no ModuleRef.
// Its notes start with a line "used tokens=N gpu_ms=N" when a tool reports such
// use, or with "refused: " and the reason.
//
// # Tools
//
// A [Tool] is a name for a tool id, an implementation ([ModuleRef]) and a local
// [Policy]. The tool's id is the ToolID of its definition, whose module is the
// hash of the ModuleRef, so that another binary, other arguments or another
// sandbox are another tool. Runners for each kind of implementation are in the
// folders below; runnertest is their contract.
//
// # Runs
//
// A finished run leaves a [RunRecord] and, when its task emits a trace, the
// [Trace] as a blob and an EpisodeRef. [Executor.Replay] executes a recorded run
// over its recorded responses and reports the first difference. Keys:
//
//	t/i/<tool id>  t/n/<name>      tools
//	e/r/<run id>   e/e/<episode>   run records, and which run an episode is of
//	e/m/1/<hash>                   memos of pure tasks
package exec
