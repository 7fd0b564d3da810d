package scope

import (
	"fmt"
	"strconv"
	"strings"
)

// Approve requires people to agree to each single call.
type Approve struct {
	Need uint8  `can:"1,need"` // how many people, 1 to 16, each with a key of their own
	Role string `can:"2,role"` // that they have
}

// MaxNeed is the largest number of people who may be required.
const MaxNeed = 16

const maxRole = 32 // bytes

// Check bounds the number and the role.
func (a Approve) Check() error {
	if a.Need < 1 || a.Need > MaxNeed {
		return fmt.Errorf("approval by %d people: 1 to %d are expected", a.Need, MaxNeed)
	}
	return CheckRole(a.Role)
}

// CheckRole refuses malformed roles: a role is 1 to 32 lower-case letters, digits, dots, dashes and underscores, a
// letter first.
func CheckRole(role string) error {
	ok := role != "" && len(role) <= maxRole && role[0] >= 'a' && role[0] <= 'z'
	for i := range len(role) {
		c := role[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_')
	}
	if !ok {
		return fmt.Errorf("%q is not a role: 1 to %d small letters, digits, dots, dashes and underscores, a letter first", role, maxRole)
	}
	return nil
}

// String is for example "2/ops".
func (a Approve) String() string { return fmt.Sprintf("%d/%s", a.Need, a.Role) }

// ParseApprove reads N/ROLE, as in 2/ops.
func ParseApprove(text string) (*Approve, error) {
	count, role, found := strings.Cut(text, "/")
	n, err := strconv.ParseUint(count, 10, 8)
	if !found || err != nil {
		return nil, fmt.Errorf("%q is not an approval: N/ROLE is expected, as in 2/ops", text)
	}
	a := &Approve{uint8(n), role}
	return a, a.Check()
}

// approveWithin checks that a child requires everybody whom its parent requires.
func approveWithin(child, parent *Approve) error {
	switch {
	case parent == nil:
		return nil
	case child == nil:
		return fmt.Errorf("approval is not asked for, its parent asks for %s", parent)
	case child.Role != parent.Role || child.Need < parent.Need:
		return fmt.Errorf("approval is %s, its parent's is %s", child, parent)
	}
	return nil
}

// ApproveOf returns who has to agree to calls under a scope; nil: nobody.
func ApproveOf(s Scope) *Approve {
	switch s := s.(type) {
	case *ToolCall:
		return s.Approve
	case *ToolsCall:
		return s.Approve
	}
	return nil
}

func (a *Approve) text() string {
	if a == nil {
		return ""
	}
	return ",approve=" + a.String()
}

func (a *Approve) words() string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf(", each after approval by %d of role %s", a.Need, a.Role)
}

// approve reads the parameter approve=N/ROLE.
func (p *params) approve() *Approve {
	text, ok := p.take("approve")
	if !ok {
		return nil
	}
	a, err := ParseApprove(p.Plain(text))
	if err != nil {
		p.fail(err)
	}
	return a
}
