package ir

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Keys of Meta.extensions that protect a submission against replay (spec/wire.md#receiving).
const (
	ExtensionNonce   = "mythos.nonce"   // 16 bytes
	ExtensionExpires = "mythos.expires" // canonical Time
)

// Guard makes a bundle valid for one submission, until a point in time.
type Guard struct {
	Nonce   [16]byte // unpredictable
	Expires object.Time
}

// Seal makes the signer the author of a bundle. It inserts the guard, if any, computes the artifact id, and replaces
// all signatures by one over that id. It keeps unknown fields.
func Seal(raw []byte, s sign.Signer, guard *Guard) ([]byte, error) {
	meta, err := metaOf(raw)
	if err != nil {
		return nil, err
	}
	fields := make(map[uint64][]byte)
	if fields[4], err = can.Marshal(s.Agent()); err != nil {
		return nil, err
	}
	if guard != nil {
		ext := maps.Clone(meta.Extensions)
		if ext == nil {
			ext = make(map[string][]byte)
		}
		ext[ExtensionNonce] = guard.Nonce[:]
		ext[ExtensionExpires] = can.AppendInt(nil, int64(guard.Expires))
		if fields[8], err = can.Marshal(ext); err != nil {
			return nil, err
		}
	}
	if fields[6], err = can.Marshal([]object.Signature{}); err != nil {
		return nil, err
	}
	if raw, err = editMeta(raw, fields); err != nil {
		return nil, err
	}
	if raw, err = SetArtifactID(raw); err != nil {
		return nil, err
	}
	return Countersign(raw, s)
}

// Countersign adds a signature over the bundle's id.
func Countersign(raw []byte, s sign.Signer) ([]byte, error) {
	meta, err := metaOf(raw)
	if err != nil {
		return nil, err
	}
	id, err := BundleID(raw)
	if err != nil {
		return nil, err
	}
	sig, err := sign.ID(s, id)
	if err != nil {
		return nil, err
	}
	field, err := can.Marshal(append(meta.Signatures, sig))
	if err != nil {
		return nil, err
	}
	return editMeta(raw, map[uint64][]byte{6: field})
}

func metaOf(raw []byte) (*object.Meta, error) {
	field, err := can.Field(raw, 1)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	meta, err := object.Decode[object.Meta](field)
	if err != nil {
		return nil, fmt.Errorf("%w: meta: %w", ErrInvalid, err)
	}
	return meta, nil
}

// editMeta changes fields of a bundle's Meta in its encoded bytes, so that unknown fields survive. A nil value removes
// the field.
func editMeta(raw []byte, fields map[uint64][]byte) ([]byte, error) {
	v, err := can.Parse(raw)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(v.Pairs, func(p can.Pair) bool { return p.Key.Tag == can.TagUint && p.Key.Uint == 1 })
	if i < 0 || v.Pairs[i].Value.Tag != can.TagMap {
		return nil, fmt.Errorf("%w: it has no meta", ErrInvalid)
	}
	meta := &v.Pairs[i].Value
	meta.Pairs = slices.DeleteFunc(meta.Pairs, func(p can.Pair) bool {
		_, edited := fields[p.Key.Uint]
		return edited && p.Key.Tag == can.TagUint
	})
	for num, field := range fields {
		if field == nil {
			continue
		}
		value, err := can.Parse(field)
		if err != nil {
			return nil, err
		}
		meta.Pairs = append(meta.Pairs, can.Pair{Key: can.Value{Tag: can.TagUint, Uint: num}, Value: value})
	}
	return v.Append(nil)
}

// SetArtifactID writes the bundle's id into its Meta.
func SetArtifactID(raw []byte) ([]byte, error) {
	id, err := BundleID(raw)
	if err != nil {
		return nil, err
	}
	field, err := can.Marshal(object.Hash(id))
	if err != nil {
		return nil, err
	}
	return editMeta(raw, map[uint64][]byte{5: field})
}

// ErrUnsigned means that a bundle has no signature of its author.
var ErrUnsigned = errors.New("the bundle is not signed by its author")

// VerifySignatures checks the signatures in Meta over the bundle's id. Each must name its key by key_id, or be the
// author's; keys finds the agents of other keys and may be nil. Every signature must verify (otherwise the error wraps
// sign.ErrSignature or sign.ErrNoSigner), and one must be the author's (otherwise ErrUnsigned).
func VerifySignatures(raw []byte, keys func(keyID object.Hash) (object.AgentID, bool)) error {
	meta, err := metaOf(raw)
	if err != nil {
		return err
	}
	id, err := BundleID(raw)
	if err != nil {
		return err
	}
	authorKey := meta.Author.KeyID()
	byAuthor := false
	for i, sig := range meta.Signatures {
		agent := meta.Author
		if sig.KeyID != nil && *sig.KeyID != authorKey {
			ok := false
			if keys != nil {
				agent, ok = keys(*sig.KeyID)
			}
			if !ok {
				return fmt.Errorf("signature %d: %w: key %s", i, sign.ErrNoSigner, sig.KeyID.Short())
			}
		}
		if err := sign.VerifyID(agent, id, sig); err != nil {
			return fmt.Errorf("signature %d: %w", i, err)
		}
		byAuthor = byAuthor || agent.Same(meta.Author)
	}
	if !byAuthor {
		return ErrUnsigned
	}
	return nil
}
