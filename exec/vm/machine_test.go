package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/object"
)

// assemble makes a bundle from a valid text.
func assemble(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := asm.Assemble([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return raw
}

// pure runs a program without effects.
func pure(t testing.TB, text string) *Result {
	t.Helper()
	res, err := runPure(t, assemble(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func runPure(t testing.TB, raw []byte) (*Result, error) {
	p, err := Prepare(raw, object.Hash{})
	if err != nil {
		return nil, err
	}
	return p.Run(t.Context(), nowhere{})
}

// nowhere is a world that refuses every effect.
type nowhere struct{}

func (nowhere) Now() object.Time                                      { return 1 }
func (nowhere) Builtin(object.Hash) (writes, spawns bool)             { return false, false }
func (nowhere) Contract(context.Context, ContractCheck) error         { return nil }
func (nowhere) Do(context.Context, Effect) (Outcome, error)           { return Outcome{}, errNowhere }
func (nowhere) OverBudget(_ context.Context, _ Effect, _ error) error { return errNowhere }

func (nowhere) Activate(context.Context, object.Hash) (caps.Chain, error) {
	return nil, &Refusal{Code: HaltCapability, Err: errNowhere}
}

var errNowhere = errors.New("nothing happens here")

const plain = ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 1000, io 0, writes 0 }\n"

func TestPureOps(t *testing.T) {
	pointType := ".type point record { 1 x: any?, 2 y: any? }\n"
	tests := []struct {
		name, text string
		want       Value
	}{
		{"ret", "main: const r0, 7\nret r0", U64Value(7)},
		{"halt", "main: const r0, 7\nhalt", Value{}},
		{"past the end", "main: nop", Value{}},
		{"unwritten register", "main: ret r9", Value{}},
		{"jmp", "main: jmp @b\nconst r0, 1\nb: ret r0", Value{}},
		{"jz on zero", "main: const r0, 0\njz r0, @b\nconst r1, 5\nb: ret r1", Value{}},
		{"jz on one", "main: const r0, 1\njz r0, @b\nconst r1, 5\nb: ret r1", U64Value(5)},
		{"jz on empty text", ".const e text \"\"\nmain: const r0, $e\nconst r1, 5\njz r0, @b\nhalt\nb: ret r1", U64Value(5)},
		{"const i64", "main: const r0, -3\nret r0", I64Value(-3)},
		{"list", "main: const r1, 1\nlist r0, r1, 2\nret r0", must(newList(ir.TypeList, []Value{U64Value(1), U64Value(2)}))},
		{"list get", "main: list r0, 4, 5\nget r1, r0, 1\nret r1", U64Value(5)},
		{"list get beyond", "main: list r0, 4, 5\nget r1, r0, 2\nret r1", Value{}},
		{"list set", "main: list r0, 4, 5\nset r1, r0, 0, 9\nget r2, r1, 0\nret r2", U64Value(9)},
		{"nodes never change", "main: list r0, 4, 5\nset r1, r0, 0, 9\nget r2, r0, 0\nret r2", U64Value(4)},
		{"make empty", pointType + "main: make r0, type:point\nget r1, r0, 1\nret r1", Value{}},
		{"make template", pointType + ".node p point { 1: r5, 2: 8 }\nmain: const r5, 3\nmake r0, &p\nget r1, r0, 1\nret r1", U64Value(3)},
		{"set field", pointType + "main: make r0, type:point\nset r0, r0, 2, 6\nget r1, r0, 2\nret r1", U64Value(6)},
		{"match type", pointType + "main: make r0, type:point\nmatch r0, type:point, @yes\nhalt\nyes: const r1, 1\nret r1", U64Value(1)},
		{"match other type", pointType + "main: const r0, 1\nmatch r0, type:point, @yes\nhalt\nyes: const r1, 1\nret r1", Value{}},
		{"match built-in type", "main: const r0, 1\nmatch r0, type:u64, @yes\nhalt\nyes: const r1, 1\nret r1", U64Value(1)},
		{"match fields", pointType + ".node p point { 2: 8 }\nmain: make r0, type:point\nset r0, r0, 1, 7\nset r0, r0, 2, 8\nmatch r0, &p, @yes\nhalt\nyes: const r1, 1\nret r1", U64Value(1)},
		{"match wrong field", pointType + ".node p point { 2: 9 }\nmain: make r0, type:point\nset r0, r0, 2, 8\nmatch r0, &p, @yes\nhalt\nyes: const r1, 1\nret r1", Value{}},
		{"match is exact in kind", "main: const r0, +1\nmatch r0, 1, @yes\nhalt\nyes: const r1, 1\nret r1", Value{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := pure(t, plain+tt.text)
			if res.Halt != nil || !res.Value.Equal(tt.want) {
				t.Errorf("%x, want %x; %v", res.Value.Encode(), tt.want.Encode(), res.Halt)
			}
			if res.ResultHash != object.Sum(tt.want.Encode()) {
				t.Error("the result hash is not that of the value")
			}
		})
	}
}

func TestCalls(t *testing.T) {
	res := pure(t, `
.symbol main () -> any entry @main
.symbol second (any, any) -> any entry @second
.task sym:main () budget { cpu 1000, io 0, writes 0 }
main: const r7, 1
      call sym:second, (r7, 2), r3
      ret r3
second: const r7, 99
      ret r1
`)
	if !res.Value.Equal(U64Value(2)) || *res.Spent.MaxDepth != 1 {
		t.Errorf("%x at depth %d, %v", res.Value.Encode(), *res.Spent.MaxDepth, res.Halt)
	}
	deep := func(limit string) *Result {
		return pure(t, ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 100000, io 0, writes 0"+limit+" }\nmain: call sym:main, (), r0\nret r0\n")
	}
	for limit, depth := range map[string]uint16{"": ir.DefaultMaxDepth, ", depth 3": 3, ", depth 0": 0, ", depth 60000": MaxFrames} {
		res := deep(limit)
		var halt *HaltError
		if !errors.As(res.Halt, &halt) || halt.Code != HaltDepth || !errors.Is(res.Halt, ErrBudget) || *res.Spent.MaxDepth != depth {
			t.Errorf("limit %q: depth %d, %v", limit, *res.Spent.MaxDepth, res.Halt)
		}
	}
}

// TestCPU: an endless loop stops when the budget is spent, at the same op for the same budget.
func TestCPU(t *testing.T) {
	for _, budget := range []int{0, 1, 2, 3, 10, 1001} {
		text := fmt.Sprintf(".symbol main () -> any entry @main\n.task sym:main () budget { cpu %d, io 0, writes 0 }\nmain: nop\njmp @main", budget)
		res := pure(t, text)
		var halt *HaltError
		if !errors.As(res.Halt, &halt) || halt.Code != HaltCPU {
			t.Fatalf("budget %d: %v", budget, res.Halt)
		}
		if want := uint32(budget % 2); halt.Op != want || res.Spent.CPUus != uint64(budget) {
			t.Errorf("budget %d: halted at op %d with %d spent", budget, halt.Op, res.Spent.CPUus)
		}
		if again := pure(t, text); again.ResultHash != res.ResultHash || again.TraceHash != res.TraceHash {
			t.Error("two runs differ")
		}
	}
}

func TestHalts(t *testing.T) {
	contract := func(body string) string {
		return ".type args record { 1 n: u64 }\n.contract c { " + body + " }\n.node a args { 1: 5 }\nmain: make r0, &a\nassert contract:c, r0, r1\nget r2, r1, 1\nret r2"
	}
	tests := []struct {
		name, text string
		want       HaltCode
	}{
		{"get of a number", "main: const r0, 1\nget r1, r0, 1\nret r1", HaltOperand},
		{"set of null", "main: set r1, r0, 1, 1\nret r1", HaltOperand},
		{"set beyond a list", "main: list r0, 1\nset r1, r0, 1, 1\nret r1", HaltOperand},
		{"nesting", "main: list r0, r0\njmp @main", HaltValue},
		{"doubling", "main: list r0, 1\nd: list r0, r0, r0, r0, r0\njmp @d", HaltValue},
		{"capability that is not a hash", "main: const r0, 1\nrequire_cap r0", HaltOperand},
		{"capability not held", "main: require_cap #" + strings.Repeat("ab", 32), HaltCapability},
		{"contract holds", contract("requires eq(episode.1, 5) ensures true invariant lt(episode.1, 6)"), 0},
		{"requires", contract("requires eq(episode.1, 6) ensures true"), HaltRequires},
		{"ensures", contract("requires true ensures ne(episode.1, 5)"), HaltEnsures},
		{"invariant", contract("requires true ensures true invariant not(ge(episode.1, 5))"), HaltInvariant},
		{"missing is false", contract("requires eq(episode.2, 5) ensures true"), HaltRequires},
		{"no such status yet", contract("requires has_status(200) ensures true"), HaltRequires},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := pure(t, plain+tt.text)
			var halt *HaltError
			if errors.As(res.Halt, &halt); (tt.want == 0) != (halt == nil) || halt != nil && halt.Code != tt.want {
				t.Fatalf("%v, want %v", res.Halt, tt.want)
			}
			if halt == nil {
				if res.Value.Kind() != ValHash {
					t.Errorf("ASSERT left %x", res.Value.Encode())
				}
				return
			}
			if res.Value.TypeID() != TypeError || !res.Value.Field(1).Equal(U64Value(uint64(tt.want))) {
				t.Errorf("error object %x", res.Value.Encode())
			}
		})
	}
}

func TestTaskArguments(t *testing.T) {
	res := pure(t, `.const hello text "hello"
.node n list [ 1, $hello ]
.symbol main (any, any) -> any entry @main
.task sym:main (&n, 4) budget { cpu 100, io 0, writes 0 }
main: get r2, r0, 1
ret r2`)
	if string(res.Value.Data()) != "hello" {
		t.Errorf("%x, %v", res.Value.Encode(), res.Halt)
	}
}

func BenchmarkPureLoop(b *testing.B) {
	raw := assemble(b, ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 1000000, io 0, writes 0 }\nmain: const r0, 1\njz r0, @main\njmp @main")
	for b.Loop() {
		if _, err := runPure(b, raw); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/op-executed")
}
