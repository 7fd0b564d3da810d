// Package vm is the machine that runs a task of a MYTHOS-IR bundle (spec/ir.md). What an op
// does and costs is in package ir; what lies outside the machine is a [World].
//
// Values are immutable (see [Value] for their encoding); the result's hash is that of its
// encoding. What a task gives, spends and leaves as its [Trace] depends on its bundle, its
// arguments and the answers of its world alone. A task that cannot go on is halted: its result
// is a canonical error object (see [TypeError], [HaltCode]), the same on every executor.
//
// Authority is per frame: REQUIRE_CAP activates a capability that the task was given, named by
// its id or by that of one it was derived from, until the frame ends. A called symbol starts
// with none.
//
// EFFECT's request is the bytes of a bytes value, the UTF-8 of a text, and the canonical
// encoding of anything else; a key likewise, null being none. The response is bytes. What an
// effect spends of the budget is the same whether it is invoked or replayed.
package vm
