package golden

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
)

// structIn is the JSON view of one struct.
type structIn struct {
	Struct string          `json:"struct"`
	Value  json.RawMessage `json:"value"`
}

type structOut struct {
	Bytes     input.Hex    `json:"bytes"`
	ID        *object.Hash `json:"id,omitempty"`        // for types with ids
	Signature string       `json:"signature,omitempty"` // "valid", for signed types that name their signer
}

// structOf encodes the view of a struct, reads it back and identifies it.
func structOf(in json.RawMessage) (any, error) {
	var v structIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	s, ok := catalog.Lookup(v.Struct)
	if !ok {
		return nil, fmt.Errorf("no struct %q", v.Struct)
	}
	raw, err := object.FromJSON(s.Type(), v.Value)
	if err != nil {
		return nil, err
	}
	if err := s.Check(raw); err != nil {
		return refused(err)
	}
	if err := sameView(s.Type(), raw, v.Value); err != nil {
		return nil, err
	}
	out := structOut{Bytes: raw}
	if s.Rule.Mask != nil {
		id, err := s.Rule.ID(raw)
		if err != nil {
			return nil, err
		}
		out.ID = &id
	}
	if s.Rule.Sig != 0 && s.Rule.Signer != 0 {
		if err := sign.VerifyOwn(s.Rule, raw); err != nil {
			return refused(err)
		}
		out.Signature = "valid"
	}
	return out, nil
}

// sameView checks that the bytes render as the original view.
func sameView(t *can.Type, raw, view []byte) error {
	back, err := object.ToJSON(t, raw)
	if err != nil {
		return err
	}
	got, err := normal(back)
	if err != nil {
		return err
	}
	want, err := normal(view)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the bytes render as %s, the view is %s", abridged(got), abridged(want))
	}
	return nil
}

// viewText reads a text of the untyped view.
func viewText(in json.RawMessage) (any, error) {
	var v struct {
		Text string `json:"text"`
	}
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	raw, err := object.FromText(nil, []byte(v.Text))
	if err != nil {
		return refusal{Refused: "view"}, nil
	}
	return map[string]input.Hex{"bytes": raw}, nil
}

// idIn asks for one id. Exactly one member is set.
type idIn struct {
	Bytes    *input.Hex `json:"bytes,omitempty"`     // the hash of bytes
	Text     *string    `json:"text,omitempty"`      // an opaque id, such as "tool:mythos.blob.put"
	Agent    *string    `json:"agent_key,omitempty"` // the key id of a public key
	Effect   *effectIn  `json:"effect,omitempty"`    // idem_id
	Run      *runIn     `json:"run,omitempty"`       // context_hash
	Object   *structIn  `json:"object,omitempty"`    // the id of a struct by its rule
	Sampling *sampleIn  `json:"sampling,omitempty"`  // the rank of HASH_N
}

type effectIn struct {
	Tool  object.Hash `json:"tool_id"`
	Key   input.Hex   `json:"key"`
	Fence *uint64     `json:"fence,omitempty"` // of the attempt that a probe is asked about
}

type runIn struct {
	Bundle object.Hash `json:"bundle_id"`
	Task   object.Hash `json:"task_id"`
}

type sampleIn struct {
	Seed object.Hash `json:"seed"`
	ID   object.Hash `json:"id"`
}

type idOut struct {
	ID object.Hash `json:"id"`
}

func idOf(in json.RawMessage) (any, error) {
	var v idIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	switch {
	case v.Bytes != nil:
		return idOut{object.Sum(*v.Bytes)}, nil
	case v.Text != nil:
		return idOut{object.SumText(*v.Text)}, nil
	case v.Agent != nil:
		agent, err := object.ParseKey(*v.Agent)
		return idOut{agent.KeyID()}, err
	case v.Effect != nil && v.Effect.Fence != nil:
		return idOut{ledger.DoubtID(ledger.IdemID(v.Effect.Tool, v.Effect.Key), *v.Effect.Fence)}, nil
	case v.Effect != nil:
		return idOut{ledger.IdemID(v.Effect.Tool, v.Effect.Key)}, nil
	case v.Run != nil:
		id, err := run.ContextHash(v.Run.Bundle, v.Run.Task)
		return idOut{id}, err
	case v.Object != nil:
		return objectID(*v.Object)
	case v.Sampling != nil:
		return map[string]uint64{"rank": dataset.Rank(v.Sampling.Seed, v.Sampling.ID)}, nil
	}
	return nil, errors.New("the input asks for nothing")
}

// objectID identifies a struct by its rule, over the bytes unchanged: an unknown field is part of the id.
func objectID(v structIn) (any, error) {
	s, ok := catalog.Lookup(v.Struct)
	if !ok {
		return nil, fmt.Errorf("no struct %q", v.Struct)
	}
	raw, err := object.FromJSON(s.Type(), v.Value)
	if err != nil {
		return nil, err
	}
	id, err := s.Rule.ID(raw)
	return idOut{id}, err
}

// listIn is a list whose value number i, from 0, is SHA-256(u64be(i)).
type listIn struct {
	Count uint64 `json:"count"`
}

type treeOut struct {
	Root   object.Hash `json:"root"`
	Nodes  int         `json:"nodes"`            // of the tree; 0 for an unchunked blob
	Chunks *uint64     `json:"chunks,omitempty"` // of a blob
}

func listOf(in json.RawMessage) (any, error) {
	var v listIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	if v.Count > maxGoldenValues {
		return nil, fmt.Errorf("%d values, at most %d are computed", v.Count, maxGoldenValues)
	}
	var nodes nodeCount
	b := merkle.NewListBuilder(&nodes)
	for i := range v.Count {
		if err := b.Add(goldenValue(i)); err != nil {
			return nil, err
		}
	}
	root, err := b.Finish()
	return treeOut{Root: root.CID, Nodes: int(nodes)}, err
}

const maxGoldenValues = 1 << 24

func goldenValue(i uint64) object.Hash { return object.Sum(binary.BigEndian.AppendUint64(nil, i)) }

// nodeCount counts nodes.
type nodeCount int

func (n *nodeCount) PutNode(object.Hash, []byte) error { *n++; return nil }

// blobIn is a blob of synthetic bytes: see synthetic.
type blobIn struct {
	Size      uint64 `json:"size"`
	ChunkSize uint32 `json:"chunk_size"`
	Seed      uint64 `json:"seed"`
}

func blobOf(in json.RawMessage) (any, error) {
	var v blobIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	if v.ChunkSize < merkle.MinChunkSize || v.ChunkSize > merkle.MaxChunkSize || v.Size > maxGoldenBlob {
		return nil, fmt.Errorf("%d bytes in chunks of %d: out of range", v.Size, v.ChunkSize)
	}
	data := &synthetic{seed: v.Seed, left: v.Size}
	var chunks uint64
	if v.Size <= merkle.MaxUnchunked {
		raw := make([]byte, v.Size)
		data.fill(raw)
		return treeOut{Root: object.Sum(raw), Chunks: &chunks}, nil
	}
	var nodes nodeCount
	b := merkle.NewChunkBuilder(v.ChunkSize, &nodes)
	chunk := make([]byte, v.ChunkSize)
	for data.left > 0 {
		part := chunk[:min(uint64(len(chunk)), data.left)]
		data.fill(part)
		if err := b.Add(merkle.Chunk{Hash: object.Sum(part), Len: uint32(len(part))}); err != nil {
			return nil, err
		}
	}
	root, err := b.Finish()
	return treeOut{Root: root.CID, Nodes: int(nodes), Chunks: &root.Count}, err
}

const maxGoldenBlob = 32 << 30

// synthetic is the byte stream of SplitMix64: word number i, from 1, is mix(seed +
// i·0x9e3779b97f4a7c15), each word little-endian.
type synthetic struct{ seed, left uint64 }

// fill writes the next bytes; all but the last call take a multiple of 8.
func (s *synthetic) fill(p []byte) {
	s.left -= uint64(len(p))
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, s.next())
		p = p[8:]
	}
	if len(p) > 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], s.next())
		copy(p, word[:])
	}
}

func (s *synthetic) next() uint64 {
	s.seed += 0x9e3779b97f4a7c15
	z := s.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// proofIn is a proof and its claim.
type proofIn struct {
	Root  object.Hash  `json:"root"`
	Index uint64       `json:"index"`
	Proof input.Hex    `json:"proof"`
	Value *object.Hash `json:"value,omitempty"` // of a list
	Chunk *input.Hex   `json:"chunk,omitempty"` // of a blob
}

func proofOf(in json.RawMessage) (any, error) {
	var v proofIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	var err error
	switch {
	case v.Value != nil && v.Chunk == nil:
		err = merkle.VerifyValue(v.Root, v.Index, v.Proof, *v.Value)
	case v.Chunk != nil && v.Value == nil:
		err = merkle.VerifyChunk(v.Root, v.Index, v.Proof, *v.Chunk)
	default:
		return nil, errors.New("a proof is of a value or of a chunk")
	}
	if err != nil {
		return refused(err)
	}
	return map[string]bool{"holds": true}, nil
}
