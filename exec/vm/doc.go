// Package vm is the virtual machine that runs a task of a MYTHOS-IR bundle (spec/ir.md). Package ir defines what an op
// does and costs; everything outside the machine is a [World].
//
// Values are immutable (see [Value] for their encoding); the result's hash is that of its encoding. The result, the
// spent budget and the [Trace] of a task depend only on its bundle, its arguments and the answers of its world. A task
// that cannot continue is halted: its result is a canonical error object (see [TypeError], [HaltCode]), the same on
// every executor.
//
// Authority is per frame: REQUIRE_CAP activates one of the task's capabilities, named by its id or by the id of an
// ancestor, until the frame ends. A called symbol starts with none.
//
// EFFECT's request is the bytes of a bytes value, the UTF-8 of a text, and the canonical encoding of anything else; so
// is a key, where null means none. The response is bytes. An effect spends the same budget whether it is invoked or
// replayed.
package vm
