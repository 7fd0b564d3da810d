package objectcmd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// explained is an object with its explanation.
type explained struct {
	ID       object.Hash     `json:"id"`
	Kind     string          `json:"kind"`                // the object's struct in the protocol, or Bytes
	Verdict  string          `json:"verdict"`             // "verified", or the fault
	Says     []string        `json:"says"`                // its statements, in sentences
	SignedBy string          `json:"signed_by,omitempty"` // the signer's public key
	RefersTo []relation      `json:"refers_to,omitempty"`
	Object   json.RawMessage `json:"object,omitempty"` // its JSON view
	Text     string          `json:"text,omitempty"`   // of plain bytes that are a short text
}

// relation is an object that another one refers to.
type relation struct {
	Field string      `json:"field"` // place in the object, such as "trace_ref.trace_blob.cid"
	Hash  object.Hash `json:"hash"`
	Kind  string      `json:"kind,omitempty"` // its kind; absent if it is not here
}

// maxRelations bounds the number of lookups.
const maxRelations = 32

// relations lists the hashes in an object, and their targets.
func relations(ctx context.Context, n *repo.Repo, own object.Hash, t *can.Type, raw []byte) []relation {
	v, err := can.Parse(raw)
	if err != nil {
		return nil
	}
	var list []relation
	walkHashes(t, v, "", func(field string, h object.Hash) {
		if len(list) == maxRelations || h.IsZero() || h == own {
			return
		}
		if kind := kindOf(ctx, n, h); kind != "" || h != object.Sum(nil) { // the hash of nothing stands for nothing
			list = append(list, relation{field, h, kind})
		}
	})
	return list
}

// kindOf is the kind of a hash's target here; empty: nothing.
func kindOf(ctx context.Context, n *repo.Repo, h object.Hash) string {
	if kind, _, err := n.Find.Object(ctx, h); err == nil {
		return kind
	}
	if name := n.Toolbox.Name(ctx, h); name != h.Short() {
		return "tool " + name
	}
	if data, err := n.Store.Bytes(ctx, h); err == nil {
		return fmt.Sprintf("bytes, %s", ui.Size(uint64(len(data))))
	}
	return ""
}

// walkHashes calls fn for every hash inside a value of a known type, in the order of the fields, except ids of signing
// keys.
func walkHashes(t *can.Type, v can.Value, path string, fn func(field string, h object.Hash)) {
	if t == nil {
		return
	}
	switch t.Kind {
	case can.KindList:
		for i, e := range v.List {
			walkHashes(t.Elem, e, fmt.Sprintf("%s[%d]", path, i), fn)
		}
	case can.KindStruct:
		if t.Go == hashType {
			if h, ok := hashOf(v); ok {
				fn(path, h)
			}
			return
		}
		for _, p := range v.Pairs {
			f, ok := t.FieldByNum(p.Key.Uint)
			if !ok || f.Name == "key_id" {
				continue
			}
			walkHashes(f.Type, p.Value, strings.TrimPrefix(path+"."+f.Name, "."), fn)
		}
	}
}

func hashOf(v can.Value) (h object.Hash, ok bool) {
	for _, p := range v.Pairs {
		if p.Key.Uint == 2 && len(p.Value.Bytes) == len(h.Sum) {
			return object.HashOf([32]byte(p.Value.Bytes)), true
		}
	}
	return h, false
}
