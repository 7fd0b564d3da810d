// Package ir is MYTHOS-IR: the bundle that carries a program, its validator, and its expressions (spec/ir.md). Package
// asm handles its text form.
//
// # Bundle
//
// A bundle is a [Bundle] in MYTHOS-CAN, at most [MaxBundle] bytes. [Validate] checks all of it before its first op; a
// valid bundle can be executed without further checks of its shape.
//
// # Frames
//
// Every frame has registers r0 to r255, null at its start; the arguments of a task or call are r0, r1, and so on.
// Labels are op indexes. Running past the last op is HALT. A task, or a call, starts at its symbol's entry, or at op 0
// when the symbol has none; only a task's entry symbol may be missing from the symbol table, and then starts at op 0
// too.
//
// # Opcodes
//
// Operands in order; a register that is written comes first in the 0x20 group and last elsewhere. "value" is a
// register, a constant (ConstRef) or an inline U64, I64 or Hash; "scalar" is the same without registers; labels, fields
// and counts are U64; "|" separates choices; [x] may be left out.
//
//	01 NOP
//	02 HALT                                     ends the task with null
//	10 JMP label
//	11 JZ reg, label                            jumps on 0, false, null and empty
//	12 CALL symbol, argc, value..., out         argc values between them
//	13 RET reg                                  at depth 0: the task's result
//	20 CONST out, scalar
//	21 MAKE out, NodeRef|type                   the pool's node, with its Reg operands read
//	                                            from the frame; or an empty record of the type
//	22 GET out, reg, field                      of a record; of a list: the item at that
//	                                            position; null where there is none
//	23 SET out, reg, field, value               a new record (or list, for a position it has)
//	24 LIST out, value...                       a list of type TypeList
//	25 MATCH reg, pattern, label                jumps when reg matches: a Hash is a type, a
//	                                            NodeRef the fields or items it names, each
//	                                            recursively, any other scalar equality
//	30 REQUIRE_CAP Hash|ConstRef|reg            activates a capability until the frame ends
//	31 EFFECT tool, value, out, receipt [, key] tool: Hash or ConstRef; key: register or ConstRef
//	32 ASSERT contract, reg [, receipt]         reg: a record of arguments
//	40 BLOB_PUT value, meta, out, receipt       meta: register or NodeRef, a record {1 namespace
//	                                            text, 2 media text, 3 codec u64}, or null
//	41 BLOB_GET blob, range, out, receipt       range: register or NodeRef, a record {1 offset
//	                                            u64, 2 length u64}, or null for all of it
//	42 BLOB_CHUNK_GET blob, index, out, receipt index: register or U64
//
// To compare with a hash in a MATCH pattern instead of naming a type, put the hash into the const pool: a ConstRef
// means equality.
//
// # Types
//
// [TypeAny] to [TypeList] are built in and have opaque ids. A node that is a record has a record type of the bundle's
// table; its fields are those of the type, the required ones are there, and each operand whose value is known fits its
// field's type. A node that is a list has TypeList, or the type that all of its items have; either way it fits where a
// TypeList is expected and nowhere else. A value of an enum type is the U64 position of its tag. A register in a node
// makes it a template; MAKE and MATCH fill it from the frame without checking types, and a task's arguments hold no
// templates.
//
// # Ids
//
// Types and contracts carry the id that their definition gives (see [TypeRule] and its neighbours). So does a tool with
// a module. A tool without one has an opaque id, which is not checked; a task may have one, too. A symbol carries no
// id: [SymbolID] names it. An artifact id that is not the bundle's is not a finding, because senders may choose it;
// [BundleID] is what counts.
//
// # Expressions
//
// See [EvalExpr]. An expression is TRUE or FALSE, never unknown: a comparison of something missing is FALSE, except NE,
// which is NOT EQ.
package ir
