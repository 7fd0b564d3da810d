package cmdutil

import (
	"errors"
	"slices"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// Keys are the trusted keys of a verification.
type Keys struct {
	Agents []object.AgentID
	ids    []object.Hash
}

// TrustedKeys collects the keys given with --trust (64 hex digits each, a public key or a key id) and, inside a
// repository, the agents of its trust.yaml.
func (f *Factory) TrustedKeys(trust []string) (*Keys, error) {
	k := &Keys{}
	for _, text := range trust {
		agent, err := object.ParseKey(text)
		if err != nil {
			return nil, clierr.Usagef("--trust %s: %w", text, err)
		}
		id, err := object.ParseHash(text)
		if err != nil {
			return nil, clierr.Usagef("--trust %s: %w", text, err)
		}
		k.Agents, k.ids = append(k.Agents, agent), append(k.ids, id)
	}
	dir, err := repo.Find(f.From)
	if errors.Is(err, repo.ErrForeign) {
		f.IO.Notef("the trust of this repository is not used: %v", err)
		return k, nil
	}
	if errors.Is(err, repo.ErrNoRepository) {
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	known, err := identity.TrustedAgents(dir, f.Now())
	if err != nil {
		return nil, err
	}
	k.Agents = append(k.Agents, known...)
	return k, nil
}

// Trusts reports whether the agent is trusted.
func (k *Keys) Trusts(agent object.AgentID) bool {
	return slices.ContainsFunc(k.Agents, agent.Same) || slices.Contains(k.ids, agent.KeyID())
}
