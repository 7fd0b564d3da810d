package cmdutil

import "github.com/mythos-project/mythos/object"

// Party is an agent in a JSON document.
type Party struct {
	Name string `json:"name,omitempty"` // its hint: what it calls itself
	Key  string `json:"key"`            // the public key, 64 hex digits
}

// PartyOf is the view of an agent.
func PartyOf(a object.AgentID) Party { return Party{a.Hint, a.KeyHex()} }

// Short is the agent for people: its name, otherwise the beginning of its key.
func (p Party) Short() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Key[:min(len(p.Key), 12)]
}
