package scope

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// ToolCall allows calling a tool with requests that meet all constraints.
type ToolCall struct {
	ToolID      object.Hash       `can:"1,tool_id"`
	MaxCalls    uint32            `can:"2,max_calls"`            // 2^32-1: no limit
	Constraints map[string]string `can:"3,constraints,optional"` // on the request
	Rate        *Rate             `can:"4,rate"`                 // absent: no limit
	MaxCost     *uint64           `can:"5,max_cost"`             // of all calls, in the smallest unit; absent: no limit
	Approve     *Approve          `can:"6,approve"`              // absent: nobody has to agree
}

// TrainRun allows training by a recipe.
type TrainRun struct {
	RecipeID  object.Hash `can:"1,recipe_id"`
	MaxJobs   uint32      `can:"2,max_jobs"`   // 2^32-1: no limit
	MaxTokens uint64      `can:"3,max_tokens"` // 2^64-1: no limit
	MaxGPUms  *uint64     `can:"4,max_gpu_ms"` // milliseconds; absent: no limit
}

// EvalRun allows running an evaluation suite.
type EvalRun struct {
	SuiteID object.Hash `can:"1,suite_id"`
	MaxRuns uint32      `can:"2,max_runs"` // 2^32-1: no limit
}

// DeployPromote allows promoting models to a ring under a policy.
type DeployPromote struct {
	RingID   uint8       `can:"1,ring_id"`
	PolicyID object.Hash `can:"2,policy_id"`
}

// ComputeSpawn allows starting workers in a pool.
type ComputeSpawn struct {
	PoolID     object.Hash `can:"1,pool_id"`
	MaxWorkers uint32      `can:"2,max_workers"` // 2^32-1: no limit
	MaxCPUus   uint64      `can:"3,max_cpu_us"`  // microseconds; 2^64-1: no limit
	MaxIO      uint32      `can:"4,max_io"`      // operations; 2^32-1: no limit
}

// Kind is KindToolCall.
func (*ToolCall) Kind() uint8 { return KindToolCall }

// Kind is KindTrainRun.
func (*TrainRun) Kind() uint8 { return KindTrainRun }

// Kind is KindEvalRun.
func (*EvalRun) Kind() uint8 { return KindEvalRun }

// Kind is KindDeployPromote.
func (*DeployPromote) Kind() uint8 { return KindDeployPromote }

// Kind is KindComputeSpawn.
func (*ComputeSpawn) Kind() uint8 { return KindComputeSpawn }

func (s *ToolCall) limits() []Amount    { return limitCost(limit32(nil, Calls, s.MaxCalls), s.MaxCost) }
func (s *EvalRun) limits() []Amount     { return limit32(nil, Runs, s.MaxRuns) }
func (*DeployPromote) limits() []Amount { return nil }

func (s *TrainRun) limits() []Amount {
	l := limit64(limit32(nil, Jobs, s.MaxJobs), Tokens, s.MaxTokens)
	if s.MaxGPUms != nil {
		l = limit64(l, GPUms, *s.MaxGPUms)
	}
	return l
}

func (s *ComputeSpawn) limits() []Amount {
	return limit32(limit64(limit32(nil, Workers, s.MaxWorkers), CPUus, s.MaxCPUus), IO, s.MaxIO)
}

func (s *ToolCall) within(parent Scope) error {
	if err := rateWithin(s.Rate, RateOf(parent)); err != nil {
		return err
	}
	if err := approveWithin(s.Approve, ApproveOf(parent)); err != nil {
		return err
	}
	if several, ok := parent.(*ToolsCall); ok {
		return several.covers(&Use{Tool: s.ToolID})
	}
	p, ok := parent.(*ToolCall)
	if !ok {
		return errKinds
	}
	if err := sameHash("tool", s.ToolID, p.ToolID); err != nil {
		return err
	}
	return constraintsWithin(s.Constraints, p.Constraints)
}

func (s *TrainRun) within(parent Scope) error {
	p, ok := parent.(*TrainRun)
	if !ok {
		return errKinds
	}
	return sameHash("recipe", s.RecipeID, p.RecipeID)
}

func (s *EvalRun) within(parent Scope) error {
	p, ok := parent.(*EvalRun)
	if !ok {
		return errKinds
	}
	return sameHash("suite", s.SuiteID, p.SuiteID)
}

func (s *DeployPromote) within(parent Scope) error {
	p, ok := parent.(*DeployPromote)
	if !ok {
		return errKinds
	}
	return s.same(p.RingID, p.PolicyID)
}

func (s *DeployPromote) same(ring uint8, policy object.Hash) error {
	if s.RingID != ring {
		return fmt.Errorf("ring %d is not %d", s.RingID, ring)
	}
	return sameHash("policy", s.PolicyID, policy)
}

func (s *ComputeSpawn) within(parent Scope) error {
	p, ok := parent.(*ComputeSpawn)
	if !ok {
		return errKinds
	}
	return sameHash("pool", s.PoolID, p.PoolID)
}

func (s *ToolCall) covers(u *Use) error {
	if err := sameHash("tool", u.Tool, s.ToolID); err != nil {
		return err
	}
	return meets(u.Request, s.Constraints)
}

func (s *TrainRun) covers(u *Use) error     { return sameHash("recipe", u.Recipe, s.RecipeID) }
func (s *EvalRun) covers(u *Use) error      { return sameHash("suite", u.Suite, s.SuiteID) }
func (s *ComputeSpawn) covers(u *Use) error { return sameHash("pool", u.Pool, s.PoolID) }

func (s *DeployPromote) covers(u *Use) error { return s.same(u.Ring, u.Policy) }

// fields writes ",name=value" for every limit.
func fields(limits []Amount) string {
	var b strings.Builder
	for _, a := range limits {
		switch a.Of {
		case GPUms:
			fmt.Fprintf(&b, ",gpu_ms=%d", a.N)
		case CPUus:
			b.WriteString(",cpu=" + units.FormatMicros(a.N))
		default:
			fmt.Fprintf(&b, ",%s=%d", a.Of, a.N)
		}
	}
	return b.String()
}

// atMost describes limits in words.
func atMost(limits []Amount) string {
	if len(limits) == 0 {
		return ""
	}
	parts := make([]string, len(limits))
	for i, a := range limits {
		switch a.Of {
		case GPUms:
			parts[i] = units.FormatMillis(a.N) + " of GPU time"
		case CPUus:
			parts[i] = units.FormatMicros(a.N) + " of CPU time"
		default:
			parts[i] = a.String()
		}
	}
	return ", at most " + strings.Join(parts, ", ") + " in all"
}

func (s *ToolCall) text() string {
	return s.ToolID.String() + fields(s.limits()) + costText(s.MaxCost) + s.Rate.text() + s.Approve.text() + constraintsText(s.Constraints)
}

func (s *TrainRun) text() string {
	if s.MaxGPUms != nil && *s.MaxGPUms == NoLimit64 {
		return s.RecipeID.String() + fields(s.limits()) + ",gpu_ms=none"
	}
	return s.RecipeID.String() + fields(s.limits())
}

func (s *EvalRun) text() string      { return s.SuiteID.String() + fields(s.limits()) }
func (s *ComputeSpawn) text() string { return s.PoolID.String() + fields(s.limits()) }

func (s *DeployPromote) text() string { return fmt.Sprintf("%d,policy=%s", s.RingID, s.PolicyID) }

func (s *ToolCall) words() string {
	return "call tool " + s.ToolID.Short() + atMost(s.limits()) + s.Rate.words() + constraintsWords(s.Constraints) + s.Approve.words()
}

func (s *TrainRun) words() string {
	return "train by recipe " + s.RecipeID.Short() + atMost(s.limits())
}

func (s *EvalRun) words() string {
	return "run evaluation suite " + s.SuiteID.Short() + atMost(s.limits())
}

func (s *ComputeSpawn) words() string {
	return "start workers in pool " + s.PoolID.Short() + atMost(s.limits())
}

func (s *DeployPromote) words() string {
	return fmt.Sprintf("promote models to ring %d under policy %s", s.RingID, s.PolicyID.Short())
}
