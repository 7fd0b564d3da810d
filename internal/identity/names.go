package identity

import (
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
)

// AgentName returns the local name of an agent: its name in trust.yaml, or the name of our own key. Names that others
// give themselves do not count; it is empty then.
func (id *Identity) AgentName(agent object.AgentID) string {
	if agent.Same(id.Self()) {
		return id.Self().Hint
	}
	if e, ok := id.Trust.ByAgent(agent); ok {
		return e.Name
	}
	return ""
}

// ShortName returns the local name of an agent, or the start of its key.
func (id *Identity) ShortName(a object.AgentID) string {
	if a.Same(id.Self()) && id.Self().Hint != "" {
		return id.Self().Hint
	}
	if e, ok := id.Trust.ByAgent(a); ok && e.Name != "" {
		return e.Name
	}
	return a.KeyHex()[:16]
}

// KeptName is ShortName or, without a local name, the name of the agent's key in the key folder.
func (id *Identity) KeptName(a object.AgentID) string {
	short := id.ShortName(a)
	if short != a.KeyHex()[:16] {
		return short
	}
	keys, err := keyfile.List(KeyDir(id.Dir))
	if err != nil {
		return short
	}
	for _, k := range keys {
		if k.Err == nil && k.Agent.Same(a) {
			return k.Name
		}
	}
	return short
}
