package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Identity says who acts in a repository, and whom it trusts.
type Identity struct {
	Dir   string    // the .mythos folder
	Key   *sign.Key // what signs here
	Trust *keyfile.Trust

	now    func() object.Time
	pass   keyfile.Passphrase
	given  bool             // the key came from the environment (MYTHOS_KEY)
	guest  bool             // our key is one that the repository stores besides its identity
	Former []object.AgentID // whose keys are stored here, including former ones of the identity
	mu     sync.Mutex       // guards keys
	keys   map[string]*sign.Key
}

// Load reads the signing key of the repository at dir and its trust file. given is the setting `key`: a key instead of
// the repository's own; empty: its own. pass opens encrypted keys; nil: there is no passphrase. The error wraps
// ErrDamaged if a file is missing.
func Load(dir, given string, pass keyfile.Passphrase, now func() object.Time) (*Identity, error) {
	id := &Identity{Dir: dir, now: now, pass: pass, given: given != ""}
	var err error
	if id.given {
		id.Key, err = keyfile.FromEnv(KeyDir(dir), given, pass)
	} else {
		id.Key, err = keyfile.Load(KeyDir(dir), SelfKey, pass)
	}
	if errors.Is(err, fs.ErrNotExist) && !id.given {
		return nil, fmt.Errorf("%w: keys/%s.key, which signs here, is missing", ErrDamaged, SelfKey)
	}
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := MustExist(filepath.Join(dir, TrustFile)); err != nil {
		return nil, err
	}
	if id.Trust, err = LoadTrust(dir); err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	if id.Former, err = id.ownAgents(); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	own, err := keyfile.Public(KeyDir(dir), SelfKey)
	id.guest = slices.ContainsFunc(id.Former[1:], id.Self().Same) && (err != nil || !own.Same(id.Self()))
	return id, nil
}

// Now returns the time of the repository's clock.
func (id *Identity) Now() object.Time { return id.now() }

// MustExist returns an error if a file is missing that every repository has.
func MustExist(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrDamaged, path)
	}
	return nil
}

// ReloadTrust reads trust.yaml again. If the file has an error, it is returned, and the trust remains as before. Keys
// that only verify what the ledger already holds remain those of when the repository was opened.
func (id *Identity) ReloadTrust() error {
	t, err := LoadTrust(id.Dir)
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	id.Trust.Replace(t)
	return nil
}

// Self returns the agent that signs here.
func (id *Identity) Self() object.AgentID { return id.Key.Agent() }

// AgentNamed finds an agent by public key, by its name in trust.yaml, by the name of its
// key in the key folder, or "self".
func (id *Identity) AgentNamed(text string) (object.AgentID, error) {
	if text == SelfKey {
		return id.Self(), nil
	}
	return AgentIn(id.Dir, id.Trust, text)
}

// AgentIn is AgentNamed for a repository that is not open. A name that stands for one key in trust.yaml and for another
// in the key folder is refused.
func AgentIn(dir string, trust *keyfile.Trust, text string) (object.AgentID, error) {
	if a, err := object.ParseKey(text); err == nil {
		return a, nil
	}
	e, named := trust.ByName(text)
	kept, err := keyfile.Public(KeyDir(dir), text)
	switch {
	case named && err == nil && kept.KeyHex() != e.Key:
		return object.AgentID{}, fmt.Errorf("agent %q: %w: it is %s in trust.yaml, and the key %s in the key folder; give the public key", text, ErrNoAgent, e.Key, kept.KeyHex())
	case named:
		return e.Agent()
	case err == nil:
		kept.Hint = text
		return kept, nil
	}
	return object.AgentID{}, fmt.Errorf("agent %q: %w: neither a public key of 64 hex digits, nor a name in trust.yaml, nor a key of this repository", text, ErrNoAgent)
}

// ErrNoAgent means that no agent is known by that name; it wraps store.ErrNotFound.
var ErrNoAgent = fmt.Errorf("%w", store.ErrNotFound)

// ErrDamaged means that an irreplaceable file of the repository is missing or damaged. It wraps store.ErrCorrupt.
var ErrDamaged error = damaged{}

type damaged struct{}

func (damaged) Error() string { return "the repository is damaged" }

// Unwrap returns store.ErrCorrupt.
func (damaged) Unwrap() error { return store.ErrCorrupt }
