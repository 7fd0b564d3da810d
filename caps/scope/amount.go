package scope

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
)

// Resource is what a quota counts.
type Resource string

// The resources that scopes put a maximum on.
const (
	Calls   Resource = "calls"   // tool.call
	Cost    Resource = "cost"    // tool.call, in the smallest unit of the currency
	Jobs    Resource = "jobs"    // train.run
	Tokens  Resource = "tokens"  // train.run
	GPUms   Resource = "gpu_ms"  // train.run, milliseconds
	Runs    Resource = "runs"    // eval.run
	Workers Resource = "workers" // compute.spawn
	CPUus   Resource = "cpu_us"  // compute.spawn, microseconds
	IO      Resource = "io"      // compute.spawn
	Events  Resource = "events"  // cell.write
	Bytes   Resource = "bytes"   // blob.write
)

// Resources are all resources, by name.
var Resources = []Resource{Bytes, Calls, Cost, CPUus, Events, GPUms, IO, Jobs, Runs, Tokens, Workers}

// ResourceNames lists the names of all resources, for people.
func ResourceNames() string {
	names := make([]string, len(Resources))
	for i, r := range Resources {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// Amount is a quantity of one resource.
type Amount struct {
	Of Resource
	N  uint64
}

// String is for example "5 calls" or "1 call".
func (a Amount) String() string {
	if a.Of == Cost {
		return units.Count(a.N, "unit") + " of cost"
	}
	if one, plural := strings.CutSuffix(string(a.Of), "s"); plural && a.N == 1 && !strings.Contains(one, "_") {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", a.N, a.Of)
}

// limits32 and limit64 append a maximum unless it means no limit.
func limit32(to []Amount, of Resource, n uint32) []Amount {
	if n == NoLimit32 {
		return to
	}
	return append(to, Amount{of, uint64(n)})
}

func limit64(to []Amount, of Resource, n uint64) []Amount {
	if n == NoLimit64 {
		return to
	}
	return append(to, Amount{of, n})
}

// AmountOf returns the amount of one resource in a list, and whether the list has it.
func AmountOf(list []Amount, of Resource) (uint64, bool) {
	for _, a := range list {
		if a.Of == of {
			return a.N, true
		}
	}
	return 0, false
}

// amountsWithin returns why limits are not within those of the parent.
func amountsWithin(child, parent []Amount) error {
	for _, p := range parent {
		switch n, limited := AmountOf(child, p.Of); {
		case !limited:
			return fmt.Errorf("%s has no limit, its parent's is %d", p.Of, p.N)
		case n > p.N:
			return fmt.Errorf("%s is %d, its parent's limit is %d", p.Of, n, p.N)
		}
	}
	return nil
}

// CostWithin returns why a single use exceeds a limit.
func CostWithin(cost, limits []Amount) error {
	for _, c := range cost {
		if most, limited := AmountOf(limits, c.Of); limited && c.N > most {
			return fmt.Errorf("the use needs %s, the limit is %d", c, most)
		}
	}
	return nil
}
