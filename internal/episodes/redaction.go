package episodes

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/internal/atomicfile"
)

// ErrUnredacted means that the policy here lets nothing leave unredacted.
var ErrUnredacted = fmt.Errorf("%w: the setting redact lets nothing leave without its redaction rules", caps.ErrDenied)

// MayLeave refuses what the policy does not allow to leave.
func (ep *Episodes) MayLeave(r *redact.Rules) error {
	policy, err := ep.PolicyRedaction()
	if err != nil || policy == nil {
		return err
	}
	if r == nil || r.ID() != policy.ID() || r.KeyID() != policy.KeyID() {
		return ErrUnredacted
	}
	return nil
}

// PolicyRedaction returns the redaction that the setting redact names; nil: none.
func (ep *Episodes) PolicyRedaction() (*redact.Rules, error) {
	if ep.Rules == "" {
		return nil, nil
	}
	path := ep.Rules
	if !filepath.IsAbs(path) {
		path = filepath.Join(ep.ID.Dir, path)
	}
	rules, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("setting redact: %w", err)
	}
	r, err := ep.Redaction(rules)
	if err != nil {
		return nil, fmt.Errorf("setting redact: %s: %w", path, err)
	}
	return r, nil
}

// redactionKey is the file of the key under which values are replaced.
const redactionKey = "redaction.key"

// Redaction reads redaction rules and applies the repository's own redaction key, which is made at first use.
func (ep *Episodes) Redaction(rules []byte) (*redact.Rules, error) {
	path := filepath.Join(ep.ID.Dir, redactionKey)
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		rand.Read(key) //nolint:errcheck // never fails
		err = atomicfile.Write(path, 0o600, key)
	}
	if err != nil {
		return nil, fmt.Errorf("redaction key: %w", err)
	}
	return redact.Parse(rules, key)
}
