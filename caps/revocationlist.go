package caps

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// MaxListSize is the largest encoded revocation list that is read, in bytes
// (about 380,000 capabilities).
const MaxListSize = 16 << 20

// RevocationList names the capabilities that an issuer revokes: its own and those derived from them. Of an issuer's
// lists only the one with the largest sequence counts.
type RevocationList struct {
	ListID       object.Hash      `can:"1,list_id"`
	Issuer       object.AgentID   `can:"2,issuer"`
	Revoked      []object.Hash    `can:"3,revoked"`  // strictly ascending
	Sequence     uint64           `can:"4,sequence"` // rises with every list
	TimeObserved object.Time      `can:"5,time_observed"`
	Signature    object.Signature `can:"6,signature"`
}

// RevocationRule says how revocation lists are identified and signed.
var RevocationRule = object.Rule{Mask: can.Mask{1: nil, 6: nil}, IDField: 1, Signer: 2, Sig: 6}

// Check refuses lists that are not strictly ascending [field-13].
func (l RevocationList) Check() error {
	for i := 1; i < len(l.Revoked); i++ {
		if l.Revoked[i-1].Compare(l.Revoked[i]) >= 0 {
			return errors.New("revoked ids are not strictly ascending")
		}
	}
	return nil
}

// Has reports whether the capability is revoked, in log₂ n comparisons.
func (l *RevocationList) Has(id object.Hash) bool {
	_, found := slices.BinarySearchFunc(l.Revoked, id, object.Hash.Compare)
	return found
}

// Revoke makes the issuer's next revocation list: the ids of prev (nil: none) and the given ids, with the next
// sequence. It returns the list and its bytes.
func Revoke(s sign.Signer, prev *RevocationList, now object.Time, ids ...object.Hash) (*RevocationList, []byte, error) {
	next := &RevocationList{Issuer: s.Agent(), Revoked: []object.Hash{}, Sequence: 1, TimeObserved: now}
	if prev != nil {
		if !prev.Issuer.Same(next.Issuer) {
			return nil, nil, fmt.Errorf("the list before is of %s, not of %s", prev.Issuer, next.Issuer)
		}
		if next.Sequence = prev.Sequence + 1; next.Sequence == 0 {
			return nil, nil, errors.New("the sequence is used up")
		}
		next.Revoked = append(next.Revoked, prev.Revoked...)
	}
	next.Revoked = append(next.Revoked, ids...)
	slices.SortFunc(next.Revoked, object.Hash.Compare)
	next.Revoked = slices.Compact(next.Revoked)
	raw, err := sign.Seal(s, RevocationRule, next, &next.ListID, &next.Signature)
	if err != nil {
		return nil, nil, err
	}
	if len(raw) > MaxListSize {
		return nil, nil, fmt.Errorf("a revocation list of %d bytes is larger than %d", len(raw), MaxListSize)
	}
	return next, raw, nil
}

// OpenRevocationList reads a list and checks its fields, its id and its
// signature.
func OpenRevocationList(raw []byte) (*RevocationList, object.Hash, error) {
	if len(raw) > MaxListSize {
		return nil, object.Hash{}, fmt.Errorf("a revocation list of %d bytes is larger than %d", len(raw), MaxListSize)
	}
	l, id, err := object.Open[RevocationList](raw, RevocationRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("revocation list: %w", err)
	}
	if err := sign.VerifyID(l.Issuer, id, l.Signature); err != nil {
		return nil, object.Hash{}, fmt.Errorf("revocation list %s: %w", id.Short(), err)
	}
	return l, id, nil
}
