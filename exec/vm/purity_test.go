package vm

import (
	"slices"
	"testing"

	"github.com/mythos-project/mythos/exec/ir"
)

// TestPurityOfEveryOpcode: a task of one op is pure only if its opcode is listed here; an unknown code never is.
func TestPurityOfEveryOpcode(t *testing.T) {
	pure := []uint8{ir.OpNop, ir.OpHalt, ir.OpJmp, ir.OpJz, ir.OpCall, ir.OpRet, ir.OpConst, ir.OpMake, ir.OpGet, ir.OpSet, ir.OpNewList, ir.OpMatch}
	for code := range 256 {
		p := &program{code: []instr{{op: uint8(code), args: make([]arg, 4)}}}
		want := slices.Contains(pure, uint8(code))
		if got := p.pure(0, true); got != want {
			t.Errorf("%s: pure with attestations: %t", ir.OpName(uint8(code)), got)
		}
		if got := p.pure(0, false); got != (want || code == int(ir.OpAssert)) {
			t.Errorf("%s: pure: %t", ir.OpName(uint8(code)), got)
		}
	}
}

// TestOpsThatAreReached: an effect makes a task impure only if control can reach it.
func TestOpsThatAreReached(t *testing.T) {
	to := func(at int) []arg { // a target at each possible place of an opcode
		args := make([]arg, 4)
		for i := range args {
			args[i].n = at
		}
		return args
	}
	for _, oc := range ir.Opcodes() {
		if !oc.IsPure(false) {
			continue
		}
		below := &program{code: []instr{{op: oc.Code, args: to(0)}, {op: ir.OpEffect}}}
		if falls := !slices.Contains([]uint8{ir.OpHalt, ir.OpRet, ir.OpJmp}, oc.Code); below.pure(0, false) == falls {
			t.Errorf("%s: the op below is reached: %t", oc.Name, !falls)
		}
		target := &program{code: []instr{{op: oc.Code, args: to(2)}, {op: ir.OpHalt}, {op: ir.OpEffect}}}
		if goes := slices.Contains([]uint8{ir.OpJmp, ir.OpJz, ir.OpMatch, ir.OpCall}, oc.Code); target.pure(0, false) == goes {
			t.Errorf("%s: its target is reached: %t", oc.Name, !goes)
		}
	}
}

// TestRepeatable: a task may be repeated if every reachable effect has a key.
func TestRepeatable(t *testing.T) {
	args := func(n int) []arg { return make([]arg, n) }
	keyed, keyless := instr{op: ir.OpEffect, args: args(5)}, instr{op: ir.OpEffect, args: args(4)}
	halt := instr{op: ir.OpHalt}
	for name, c := range map[string]struct {
		code []instr
		want bool
	}{
		"nothing":             {[]instr{halt}, true},
		"a key":               {[]instr{keyed, halt}, true},
		"no key":              {[]instr{keyless, halt}, false},
		"one of two":          {[]instr{keyed, keyless, halt}, false},
		"not reached":         {[]instr{keyed, halt, keyless}, true},
		"a blob":              {[]instr{{op: ir.OpBlobPut, args: args(4)}, halt}, true},
		"an op that is none":  {[]instr{{op: 0xff}}, false},
		"a capability before": {[]instr{{op: ir.OpRequireCap, args: args(1)}, keyed, halt}, true},
	} {
		if got := (&Task{prog: &program{code: c.code}}).Repeatable(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
