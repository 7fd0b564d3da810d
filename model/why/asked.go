package why

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/object"
)

// asked adds the proof of a capability's requester below the receipt of its issuance.
func (s *source) asked(n *Node, h object.Hash) {
	leaf, p := read[caps.Proof](s, n, "proof of who asked", h)
	if p != nil {
		leaf.Label += fmt.Sprintf(": key %s, by rule %q of policy %s", p.Agent.KeyHex()[:12], p.Rule, p.PolicyID.Short()) + tokenText(p.Issuer, p.Subject, p.Claims)
	}
}

// denied adds the requester and the request below the receipt of a refusal.
func (s *source) denied(n *Node, h object.Hash) {
	leaf, p := read[caps.Refused](s, n, "request", h)
	if p == nil {
		return
	}
	leaf.Label += ": key " + p.Agent.KeyHex()[:12]
	if p.Scope != nil {
		leaf.Label += " asked for " + s.scope(OneLine(*p.Scope))
	}
	leaf.Label += tokenText(p.Issuer, p.Subject, p.Claims)
}

// read adds bytes below a node and decodes them; nil: they are not here, or are something else.
func read[T any](s *source, n *Node, what string, h object.Hash) (*Node, *T) {
	s.kept(n, what, h)
	leaf := n.Children[len(n.Children)-1]
	raw, err := s.raw(KindBytes, h)
	if err != nil || object.Sum(raw) != h {
		return leaf, nil
	}
	v, err := object.Decode[T](raw)
	if err != nil {
		return leaf, nil
	}
	return leaf, v
}

func tokenText(issuer, subject *string, claims map[string]string) string {
	if issuer == nil {
		return ""
	}
	text := ", with a token of " + OneLine(*issuer)
	if subject != nil {
		text += " about " + OneLine(*subject)
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		list = append(list, name+"="+OneLine(claims[name]))
	}
	if len(list) > 0 {
		text += " with " + strings.Join(list, ", ")
	}
	return text
}
