// Package asm handles the text form of MYTHOS-IR (spec/ir.md#assembler). [Assemble] makes a bundle from a text and
// validates it. [Disassemble] writes the text of a valid bundle; assembling that text gives the same bytes.
package asm
