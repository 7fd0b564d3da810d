package vm

import (
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// MaxFetched is how many bytes the effects of one run may return.
const MaxFetched = 256 << 20

// MaxEvents is the largest number of effects and ASSERTs in one run: each leaves an event in its trace.
const MaxEvents = 1 << 18

// MaxFrames bounds max_depth, whatever a budget says.
const MaxFrames = 1024

// meter charges a task's budget. The charges depend only on the program and the responses of its effects, never on a
// clock; only deadline_us does.
type meter struct {
	budget   ir.Budget
	deadline object.Time // 0: none

	cpu     uint64 // microseconds by the cost table
	tokens  uint64
	io      uint32
	writes  uint32
	spawned uint16
	deepest uint16
	fetched uint64
}

func newMeter(b ir.Budget, start object.Time) meter {
	m := meter{budget: b}
	if b.DeadlineUs != nil {
		m.deadline = start + object.Time(min(*b.DeadlineUs, 1<<60))
	}
	return m
}

// charge charges microseconds by the cost table. The total never exceeds the budget.
func (m *meter) charge(cost uint64) HaltCode {
	if cost > m.budget.CPUus-m.cpu {
		m.cpu = m.budget.CPUus
		return HaltCPU
	}
	m.cpu += cost
	return 0
}

// effect charges for one effect before it happens.
func (m *meter) effect(writes, spawns bool) HaltCode {
	switch {
	case m.io >= m.budget.IOCount:
		return HaltIO
	case writes && m.writes >= m.budget.StateWrites:
		return HaltStateWrites
	case spawns && (m.budget.MaxSpawn == nil || m.spawned >= *m.budget.MaxSpawn):
		return HaltSpawn
	}
	m.io++
	if writes {
		m.writes++
	}
	if spawns {
		m.spawned++
	}
	return 0
}

// answered charges the use that an effect reports.
func (m *meter) answered(o Outcome) HaltCode {
	m.fetched += uint64(len(o.Body))
	m.tokens += min(o.Tokens, ^uint64(0)-m.tokens)
	switch {
	case m.budget.Tokens != nil && m.tokens > *m.budget.Tokens:
		return HaltTokens
	case m.fetched > MaxFetched:
		return HaltMemory
	}
	return 0
}

// enter is called with the number of frames above the task's own.
func (m *meter) enter(depth int) HaltCode {
	limit := ir.DefaultMaxDepth
	if m.budget.MaxDepth != nil {
		limit = min(*m.budget.MaxDepth, MaxFrames)
	}
	if depth > int(limit) {
		return HaltDepth
	}
	m.deepest = max(m.deepest, uint16(depth))
	return 0
}

// spent is the use so far, in the form of a budget. It has no deadline_us, which would be a clock's.
func (m *meter) spent() ir.Budget {
	tokens, deepest, spawned := m.tokens, m.deepest, m.spawned
	return ir.Budget{
		CPUus: m.cpu, Tokens: &tokens, IOCount: m.io, StateWrites: m.writes,
		MaxDepth: &deepest, MaxSpawn: &spawned,
	}
}
