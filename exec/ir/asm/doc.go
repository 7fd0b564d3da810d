// Package asm is the text of MYTHOS-IR (spec/ir.md#assembler). [Assemble] makes a
// bundle of a text and validates it. [Disassemble] writes the text of a valid bundle;
// assembled again, that text gives the same bytes.
package asm
