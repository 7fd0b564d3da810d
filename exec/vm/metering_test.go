package vm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

func repeated(text string, n int) string {
	return strings.TrimSuffix(strings.Repeat(text+", ", n), ", ")
}

// TestNothingIsCheap: ops are charged for the size of their work, so that a budget bounds the time of any program.
func TestNothingIsCheap(t *testing.T) {
	const head = ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 1000000, io 0, writes 0 }\n"
	long := fmt.Sprintf(".const long bytes x\"%s\"\n", strings.Repeat("ab", ir.MaxInline))
	for _, c := range []struct {
		name, text string
		least      uint64
	}{
		{"comparing long values inside a pattern",
			long + ".node pattern list [" + repeated("r1", 100) + "]\nmain: const r1, $long\nlist r2, " + repeated("r1", 100) + "\nmatch r2, &pattern, @yes\nhalt\nyes: ret r0", 800},
		{"comparing long constants inside a pattern",
			long + ".node pattern list [" + repeated("$long", 100) + "]\nmain: const r1, $long\nlist r2, " + repeated("r1", 100) + "\nmatch r2, &pattern, @yes\nhalt\nyes: ret r0", 800},
		{"a constant as the pattern", long + "main: const r1, $long\nmatch r1, $long, @yes\nhalt\nyes: ret r0", 8},
		{"a set of a contract",
			".contract c { requires not(in(episode.1, [" + repeated("5", 8000) + "])) ensures true }\nmain: list r0, 1, 2\nassert contract:c, r0\nret r0", 1000},
		{"expressions of a contract",
			".contract c { requires or(" + repeated("false", 7999) + ", true) ensures true }\nmain: list r0, 1, 2\nassert contract:c, r0\nret r0", 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := pure(t, head+c.text)
			if res.Halt != nil || res.Spent.CPUus < c.least || res.Spent.CPUus > c.least+100 {
				t.Errorf("%d µs, at least %d and hardly more are expected; %v", res.Spent.CPUus, c.least, res.Halt)
			}
		})
	}
}

// TestManyAsserts: the cost of a contract is computed once, however many ops name it; ops times expressions would be 2
// billion here. A text of one long line is read in one pass.
func TestManyAsserts(t *testing.T) {
	text := ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 10, io 0, writes 0 }\n.contract c { requires or(" + repeated("false", 50_000) + ") ensures true }\n" +
		"main: halt\n" + strings.Repeat("assert contract:c, r0\n", 40_000)
	if res := pure(t, text); res.Halt != nil {
		t.Error(res.Halt)
	}
}

// TestEventsAreBounded: a trace does not grow without limit, whatever the budget.
func TestEventsAreBounded(t *testing.T) {
	res := pure(t, ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 100000000, io 0, writes 0 }\n.contract c { requires true ensures true }\nmain: assert contract:c, r0\njmp @main")
	var halt *HaltError
	if !errors.As(res.Halt, &halt) || halt.Code != HaltEvents || errors.Is(res.Halt, ErrBudget) {
		t.Fatal(res.Halt)
	}
	if res.Spent.CPUus > 4*MaxEvents {
		t.Errorf("%d µs", res.Spent.CPUus)
	}
}

// TestContractsOverLongValues: only as much of a value is copied as decides the comparison with a constant; the result
// is the same as with all of it.
func TestContractsOverLongValues(t *testing.T) {
	full := strings.Repeat("ab", ir.MaxInline)
	for _, c := range []struct {
		value, expr string
		holds       bool
	}{
		{full, "eq(episode.1, $long)", true},
		{full, "le(episode.1, $long)", true},
		{full[2:], "lt(episode.1, $long)", true},
		{full + "00", "eq(episode.1, $long)", false},
		{full + "00", "gt(episode.1, $long)", true},
		{full + "0000ff", "in(episode.1, [$long])", false},
		{"ac" + full, "gt(episode.1, $long)", true},
		{"aa" + full + full, "lt(episode.1, $long)", true},
	} {
		raw := assemble(t, plain+fmt.Sprintf(".const long bytes x\"%s\"\n.contract c { requires %s ensures true }\nmain: assert contract:c, r0\n", full, c.expr))
		p, err := Prepare(raw, object.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		m := p.machine(nowhere{})
		data, err := hex.DecodeString(c.value)
		if err != nil {
			t.Fatal(err)
		}
		args := must(newRecord(TypeError, []field{{1, BytesValue(data)}}))
		var code HaltCode
		for _, contract := range p.prog.contracts {
			code, err = m.judge(contract, args)
		}
		if err != nil || (code == 0) != c.holds {
			t.Errorf("%d bytes, %s: %v, %v", len(data), c.expr, code, err)
		}
	}
}
