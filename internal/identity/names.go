package identity

import (
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
)

// AgentName is what an agent is called here: its name in trust.yaml, or the name that
// our own key bears. Names that others give themselves do not count; it is empty then.
func (id *Identity) AgentName(agent object.AgentID) string {
	if agent.Same(id.Self()) {
		return id.Self().Hint
	}
	if e, ok := id.Trust.ByAgent(agent); ok {
		return e.Name
	}
	return ""
}

// ShortName is what an agent goes by here, or the start of their key.
func (id *Identity) ShortName(a object.AgentID) string {
	if a.Same(id.Self()) && id.Self().Hint != "" {
		return id.Self().Hint
	}
	if e, ok := id.Trust.ByAgent(a); ok && e.Name != "" {
		return e.Name
	}
	return a.KeyHex()[:16]
}

// KeptName is ShortName, or the name of the agent's key in the key folder.
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
