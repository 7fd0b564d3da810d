package ir

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// opCost is one row of the cost table, in microseconds of cpu_us.
type opCost struct {
	base     uint64 // every execution
	parts    string // what counts as a part
	perParts uint64 // one microsecond per this many parts; 0: parts are free
	bytes    string // what counts as a byte
	perBytes uint64 // one microsecond per this many bytes; 0: bytes are free
}

// costOf is the published cost table (spec/ir.md#costs).
func costOf(opcode uint8) opCost {
	switch opcode {
	case OpNop, OpHalt, OpJmp, OpJz, OpRet, OpConst, OpGet:
		return opCost{base: 1}
	case OpCall:
		return opCost{base: 2, parts: "arguments", perParts: 16}
	case OpMake:
		return opCost{base: 1, parts: "fields and items made, nested ones included", perParts: 8}
	case OpSet:
		return opCost{base: 1, parts: "fields or items of the new node", perParts: 16}
	case OpNewList:
		return opCost{base: 1, parts: "items", perParts: 16}
	case OpMatch:
		return opCost{base: 1, parts: "comparisons made, nested ones included", perParts: 16, bytes: "the bytes and texts of the pattern that were compared", perBytes: 1024}
	case OpRequireCap:
		return opCost{base: 100}
	case OpEffect:
		return opCost{base: 200, bytes: "request and response", perBytes: 512}
	case OpAssert:
		return opCost{base: 2, parts: "expressions of the contract, nested ones included, and members of their sets", perParts: 8}
	case OpBlobPut, OpBlobGet, OpBlobChunkGet:
		return opCost{base: 200, bytes: "request and response", perBytes: 512}
	}
	return opCost{}
}

// Cost is the charge for every execution of an opcode, in advance, in microseconds of cpu_us; 0 for an opcode that does
// not exist. Metering uses no clock.
func Cost(opcode uint8) uint64 { return costOf(opcode).base }

// CostExtra is the charge for an execution in addition to [Cost], by the number of parts and bytes that it worked on;
// spec/ir.md#costs defines them for each opcode. Each is rounded down to a whole microsecond. The sum saturates at the
// largest uint64, which exceeds every budget.
func CostExtra(opcode uint8, parts, size uint64) uint64 {
	c := costOf(opcode)
	var extra uint64
	if c.perParts > 0 {
		extra = parts / c.perParts
	}
	if c.perBytes == 0 {
		return extra
	}
	sum, carry := bits.Add64(extra, size/c.perBytes, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

// CostMarkdown is the cost table as spec/ir.md prints it.
func CostMarkdown() string {
	var b strings.Builder
	b.WriteString("| op | µs | and 1 µs for each |\n|---|---|---|\n")
	for _, oc := range opcodes {
		c := costOf(oc.Code)
		var extra []string
		if c.perParts > 0 {
			extra = append(extra, fmt.Sprintf("%d parts: %s", c.perParts, c.parts))
		}
		if c.perBytes > 0 {
			extra = append(extra, fmt.Sprintf("%d bytes: %s", c.perBytes, c.bytes))
		}
		fmt.Fprintf(&b, "| %02x %s | %d | %s |\n", oc.Code, strings.ToUpper(oc.Name), c.base, strings.Join(extra, "; "))
	}
	return b.String()
}
