package conform

import (
	"encoding/hex"
	"fmt"

	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
)

func lookup(name string) *can.Type {
	for _, s := range object.Structs {
		if s.Name == name {
			return s.Type()
		}
	}
	return nil
}

// encoded rebuilds a value from its JSON view.
func (o *one) encoded(t *can.Type) error {
	data, err := o.file("json")
	if err != nil {
		return err
	}
	raw, err := object.FromJSON(t, data)
	if err != nil {
		return err
	}
	return all(func() error { return o.same("bin", raw) }, func() error { return o.expect("sha256_of_bin", object.Sum(raw)) })
}

func (o *one) canHash() error  { return o.encoded(lookup("Hash")) }
func (o *one) canAgent() error { return o.encoded(lookup("AgentID")) }
func (o *one) canMap() error   { return o.encoded(nil) }

func parseHashes(texts []string) ([]object.Hash, error) {
	out := make([]object.Hash, len(texts))
	for i, text := range texts {
		h, err := object.ParseHash(text)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}

func (o *one) merkleList() error {
	var in struct {
		IDs []string `json:"episode_ids"`
	}
	if err := o.input("input_json", &in); err != nil {
		return err
	}
	ids, err := parseHashes(in.IDs)
	if err != nil {
		return err
	}
	nodes := pack.Nodes{}
	root, err := pack.List(nodes, ids)
	if err != nil {
		return err
	}
	return all(func() error { return o.same("leaf_bin", nodes[root]) }, func() error { return o.expect("root_cid", root) })
}

func (o *one) chunkedBlob() error {
	var in struct {
		ChunkSize uint32 `json:"chunk_size"`
		Chunks    []struct {
			Hash string `json:"chunk_hash"`
			Len  uint32 `json:"len"`
		} `json:"chunks"`
	}
	if err := o.input("chunks_json", &in); err != nil {
		return err
	}
	payload, err := o.file("payload_bin")
	if err != nil {
		return err
	}
	if in.ChunkSize == 0 {
		return fmt.Errorf("chunk size 0")
	}
	nodes := pack.Nodes{}
	b := merkle.NewChunkBuilder(in.ChunkSize, nodes)
	for i := 0; len(payload) > 0; i++ {
		chunk := payload[:min(len(payload), int(in.ChunkSize))]
		payload = payload[len(chunk):]
		h := object.Sum(chunk)
		if i >= len(in.Chunks) || in.Chunks[i].Hash != h.String() || in.Chunks[i].Len != uint32(len(chunk)) {
			return fmt.Errorf("chunk %d is %s with %d bytes, which the pack does not say", i, h, len(chunk))
		}
		if err := b.Add(merkle.Chunk{Hash: h, Len: uint32(len(chunk))}); err != nil {
			return err
		}
	}
	root, err := b.Finish()
	if err != nil {
		return err
	}
	if in.ChunkSize < merkle.MinChunkSize {
		o.note("chunk size %d is below 256 KiB: accepted on verifying, refused on writing", in.ChunkSize)
	}
	return all(func() error { return o.same("rootnode_bin", nodes[root.CID]) }, func() error { return o.expect("root_cid", root.CID) })
}

// bare signs an id like the pack: without naming the key.
func (o *one) bare(id object.Hash) (object.Signature, error) {
	sig, err := o.key.Sign(id.Sum[:])
	return object.Signature{Alg: object.Ed25519, Sig: sig}, err
}

type receiptInput struct {
	Key      string      `json:"idempotency_key"`
	Request  object.Hash `json:"request_hash"`
	Response object.Hash `json:"response_hash"`
	Status   uint16      `json:"status"`
	TimeUs   int64       `json:"time_us"`
	Tool     object.Hash `json:"tool_id"`
}

// buildReceipt rebuilds the receipt that the pack's JSON describes.
func (o *one) buildReceipt(in receiptInput) (*ledger.Receipt, []byte, error) {
	key, err := hex.DecodeString(in.Key)
	if err != nil {
		return nil, nil, err
	}
	r := &ledger.Receipt{ToolID: in.Tool, RequestHash: in.Request, ResponseHash: in.Response, IdempotencyKey: key,
		Signer: o.key.Agent(), TimeObserved: object.Time(in.TimeUs), Status: in.Status}
	if r.ReceiptID, err = ledger.ReceiptRule.IDOf(r); err != nil {
		return nil, nil, err
	}
	if r.Signature, err = o.bare(r.ReceiptID); err != nil {
		return nil, nil, err
	}
	raw, err := can.Marshal(r)
	return r, raw, err
}

func (o *one) receipt() error {
	var in receiptInput
	if err := o.input("json", &in); err != nil {
		return err
	}
	r, raw, err := o.buildReceipt(in)
	if err != nil {
		return err
	}
	if _, _, err := ledger.OpenReceipt(raw); err != nil {
		return err
	}
	o.note("the signature names no key_id; ours always do")
	return all(func() error { return o.same("bin", raw) }, func() error { return o.expect("receipt_id", r.ReceiptID) })
}

func (o *one) ledgerEntries() error {
	var in struct {
		Key     string      `json:"idempotency_key"`
		Lease   int64       `json:"lease_expires_us"`
		Tool    object.Hash `json:"tool_id"`
		Commit  object.Hash `json:"commit_id_recommended"`
		Reg     object.Hash `json:"register_id_recommended"`
		IdemHex object.Hash `json:"idempotency_id"`
	}
	if err := o.input("json", &in); err != nil {
		return err
	}
	var rin receiptInput // the effect is that of RECEIPT_001
	ro := &one{suite: o.suite, vector: vector{Files: map[string]string{"json": "vectors/receipts/receipt_001.json"}}}
	if err := ro.input("json", &rin); err != nil {
		return err
	}
	r, _, err := o.buildReceipt(rin)
	if err != nil {
		return err
	}
	idem := ledger.IdemID(in.Tool, r.IdempotencyKey)
	reg := &ledger.EffectRegister{IdemID: idem, ToolID: in.Tool, RequestHash: r.RequestHash, IdempotencyKey: r.IdempotencyKey,
		Owner: o.key.Agent(), LeaseExpiresAt: object.Time(in.Lease), TimeObserved: r.TimeObserved}
	com := &ledger.EffectCommit{IdemID: idem, ToolID: in.Tool, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash,
		ReceiptID: r.ReceiptID, Status: r.Status, TimeObserved: r.TimeObserved + 1_000_000}
	return all(
		func() error { return o.expect("idempotency_id", idem) },
		func() error { return o.entry("register_bin", ledger.RegisterRule, reg, &reg.Signature, in.Reg) },
		func() error { return o.entry("commit_bin", ledger.CommitRule, com, &com.Signature, in.Commit) })
}

// entry signs a ledger entry and compares its id and bytes.
func (o *one) entry(name string, rule object.Rule, v any, sig *object.Signature, want object.Hash) error {
	id, err := rule.IDOf(v)
	if err != nil {
		return err
	}
	if id != want {
		return fmt.Errorf("%s: rebuilt id %s, the pack recommends %s", name, id, want)
	}
	if *sig, err = o.bare(id); err != nil {
		return err
	}
	raw, err := can.Marshal(v)
	if err != nil {
		return err
	}
	if err := sign.VerifyID(o.key.Agent(), id, *sig); err != nil {
		return err
	}
	return o.same(name, raw)
}
