package scope

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// ToolsCall allows calling any of several tools, whatever the request, with one limit for all of them. It does not
// cover tools that are added later.
type ToolsCall struct {
	ToolIDs  []object.Hash `can:"1,tool_ids"`  // 1 to 1024, ascending, no repeats
	MaxCalls uint32        `can:"2,max_calls"` // 2^32-1: no limit
	Rate     *Rate         `can:"3,rate"`      // of all tools together; absent: no limit
	MaxCost  *uint64       `can:"4,max_cost"`  // of all calls, in the smallest unit; absent: no limit
	Approve  *Approve      `can:"5,approve"`   // absent: nobody has to agree
}

// MaxTools is the largest number of tools in a ToolsCall.
const MaxTools = 1024

// Check checks the form of the list of tools [field-76].
func (s *ToolsCall) Check() error {
	if len(s.ToolIDs) == 0 || len(s.ToolIDs) > MaxTools {
		return fmt.Errorf("it names %d tools, 1 to %d are expected", len(s.ToolIDs), MaxTools)
	}
	for i, id := range s.ToolIDs[1:] {
		if s.ToolIDs[i].Compare(id) >= 0 {
			return fmt.Errorf("tool %s does not come after %s", id.Short(), s.ToolIDs[i].Short())
		}
	}
	return nil
}

// Kind is KindToolsCall.
func (*ToolsCall) Kind() uint8 { return KindToolsCall }

// Has reports whether the scope names a tool.
func (s *ToolsCall) Has(tool object.Hash) bool {
	_, found := slices.BinarySearchFunc(s.ToolIDs, tool, object.Hash.Compare)
	return found
}

// Tools returns the tools whose calls a scope allows; none for other kinds of scope.
func Tools(s Scope) []object.Hash {
	switch s := s.(type) {
	case *ToolCall:
		return []object.Hash{s.ToolID}
	case *ToolsCall:
		return s.ToolIDs
	}
	return nil
}

func (s *ToolsCall) limits() []Amount { return limitCost(limit32(nil, Calls, s.MaxCalls), s.MaxCost) }

func (s *ToolsCall) within(parent Scope) error {
	p, ok := parent.(*ToolsCall)
	if !ok {
		return errKinds
	}
	if err := rateWithin(s.Rate, p.Rate); err != nil {
		return err
	}
	if err := approveWithin(s.Approve, p.Approve); err != nil {
		return err
	}
	for _, id := range s.ToolIDs {
		if !p.Has(id) {
			return fmt.Errorf("tool %s is not among its parent's", id.Short())
		}
	}
	return nil
}

// covers handles uses of tool.call [cap-132].
func (s *ToolsCall) covers(u *Use) error {
	if !s.Has(u.Tool) {
		return fmt.Errorf("tool %s is not among its %d tools", u.Tool.Short(), len(s.ToolIDs))
	}
	return nil
}

func (s *ToolsCall) text() string {
	names := make([]string, len(s.ToolIDs))
	for i, id := range s.ToolIDs {
		names[i] = id.String()
	}
	return strings.Join(names, "|") + fields(s.limits()) + costText(s.MaxCost) + s.Rate.text() + s.Approve.text()
}

func (s *ToolsCall) words() string {
	if len(s.ToolIDs) == 1 {
		return "call tool " + s.ToolIDs[0].Short() + atMost(s.limits()) + s.Rate.words() + s.Approve.words()
	}
	return fmt.Sprintf("call any of %d tools", len(s.ToolIDs)) + atMost(s.limits()) + s.Rate.words() + s.Approve.words()
}

func parseToolsCall(p *params) Scope {
	s := &ToolsCall{MaxCalls: uint32(p.number("calls", 32)), Rate: p.rate(), MaxCost: p.cost(), Approve: p.approve()}
	for name := range strings.SplitSeq(p.head, "|") {
		s.ToolIDs = append(s.ToolIDs, p.hash("tool", name))
	}
	slices.SortFunc(s.ToolIDs, object.Hash.Compare)
	s.ToolIDs = slices.Compact(s.ToolIDs)
	return s
}
