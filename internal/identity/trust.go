package identity

import (
	"path/filepath"

	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
)

// TrustedAgents returns the agents of a repository's trust.yaml, without opening
// its database.
func TrustedAgents(dir string, now object.Time) ([]object.AgentID, error) {
	trust, err := LoadTrust(dir)
	if err != nil {
		return nil, err
	}
	return trust.Agents(now), nil
}

// KeyDir returns the folder of a repository's keys.
func KeyDir(dir string) string { return filepath.Join(dir, "keys") }

// SelfKey is the name of the repository's own identity among its keys.
const SelfKey = "self"

// TrustFile is the name of the trust file in the repository.
const TrustFile = "trust.yaml"

// LoadTrust reads a repository's trust.yaml.
func LoadTrust(dir string) (*keyfile.Trust, error) {
	return keyfile.LoadTrust(filepath.Join(dir, TrustFile))
}

// EditTrust changes a repository's trust.yaml, atomically.
func EditTrust(dir string, edit func(*keyfile.Trust) error) error {
	t, err := LoadTrust(dir)
	if err != nil {
		return err
	}
	if err := edit(t); err != nil {
		return err
	}
	return t.Save(filepath.Join(dir, TrustFile))
}

// TrustsPacket reports whether packets of an agent are accepted here.
func (id *Identity) TrustsPacket(a object.AgentID) bool {
	return a.Same(id.Self()) || id.Trust.Trusted(a, keyfile.ForPacket, id.now())
}

// Roles returns a function that says whose approvals of calls count now, and for which role. It reads trust.yaml again.
func (id *Identity) Roles() (func(agent object.AgentID, role string) bool, error) {
	t, err := LoadTrust(id.Dir)
	if err != nil {
		return nil, err
	}
	now := id.now()
	return func(agent object.AgentID, role string) bool { return t.HasRole(agent, role, now) }, nil
}
