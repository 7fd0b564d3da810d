package wat

// operand is what follows an opcode.
type operand uint8

const (
	none operand = iota
	local
	function
	label
	i32
	i64
	memory // alignment and offset
	zero   // a reserved byte
)

type op struct {
	code byte
	operand
	align byte // for a memory access: the logarithm of its size
}

// ops are the instructions, without block, loop, if and else.
var ops = map[string]op{
	"unreachable": {0x00, none, 0}, "br": {0x0c, label, 0}, "br_if": {0x0d, label, 0}, "return": {0x0f, none, 0}, "call": {0x10, function, 0},
	"drop": {0x1a, none, 0}, "select": {0x1b, none, 0},
	"local.get": {0x20, local, 0}, "local.set": {0x21, local, 0}, "local.tee": {0x22, local, 0},
	"i32.load": {0x28, memory, 2}, "i64.load": {0x29, memory, 3}, "f64.load": {0x2b, memory, 3}, "i32.load8_u": {0x2d, memory, 0},
	"i32.store": {0x36, memory, 2}, "i64.store": {0x37, memory, 3}, "f32.store": {0x38, memory, 2}, "f64.store": {0x39, memory, 3}, "i32.store8": {0x3a, memory, 0},
	"memory.size": {0x3f, zero, 0}, "memory.grow": {0x40, zero, 0},
	"i32.const": {0x41, i32, 0}, "i64.const": {0x42, i64, 0},
	"i32.eqz": {0x45, none, 0}, "i32.eq": {0x46, none, 0}, "i32.ne": {0x47, none, 0}, "i32.lt_s": {0x48, none, 0}, "i32.lt_u": {0x49, none, 0},
	"i32.gt_s": {0x4a, none, 0}, "i32.gt_u": {0x4b, none, 0}, "i32.le_s": {0x4c, none, 0}, "i32.le_u": {0x4d, none, 0}, "i32.ge_s": {0x4e, none, 0}, "i32.ge_u": {0x4f, none, 0},
	"i64.eqz": {0x50, none, 0}, "i64.eq": {0x51, none, 0}, "i64.ne": {0x52, none, 0}, "i64.lt_s": {0x53, none, 0},
	"i32.add": {0x6a, none, 0}, "i32.sub": {0x6b, none, 0}, "i32.mul": {0x6c, none, 0}, "i32.and": {0x71, none, 0}, "i32.or": {0x72, none, 0}, "i32.xor": {0x73, none, 0},
	"i32.shl": {0x74, none, 0}, "i32.shr_s": {0x75, none, 0}, "i32.shr_u": {0x76, none, 0},
	"i64.add": {0x7c, none, 0}, "i64.sub": {0x7d, none, 0}, "i64.mul": {0x7e, none, 0},
	"f64.neg": {0x9a, none, 0}, "f64.sqrt": {0x9f, none, 0}, "f64.add": {0xa0, none, 0}, "f64.sub": {0xa1, none, 0}, "f64.mul": {0xa2, none, 0}, "f64.div": {0xa3, none, 0}, "f64.copysign": {0xa6, none, 0},
	"i64.extend_i32_s": {0xac, none, 0}, "i64.extend_i32_u": {0xad, none, 0}, "f32.demote_f64": {0xb6, none, 0},
	"f64.convert_i32_s": {0xb7, none, 0}, "f64.convert_i32_u": {0xb8, none, 0}, "f64.convert_i64_s": {0xb9, none, 0}, "f64.convert_i64_u": {0xba, none, 0},
}

var types = map[string]byte{"i32": 0x7f, "i64": 0x7e, "f32": 0x7d, "f64": 0x7c}

// Codes of folded instructions.
const (
	opBlock   = 0x02
	opLoop    = 0x03
	opIf      = 0x04
	opElse    = 0x05
	opEnd     = 0x0b
	blockVoid = 0x40
)
