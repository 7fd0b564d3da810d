package conform

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/packet"
)

// packSource is a dataset.Source with only the nodes of a corpus.
type packSource struct{ nodes pack.Nodes }

func (p packSource) Nodes(context.Context) merkle.NodeReader { return p.nodes }

func (packSource) Episode(context.Context, object.Hash) ([]byte, error) {
	return nil, pack.ErrNoEvidence
}

func (packSource) Receipt(context.Context, object.Hash) (*ledger.Receipt, error) {
	return nil, pack.ErrNoEvidence
}

func (packSource) Signals(context.Context, object.Hash) ([][]byte, error) {
	return nil, pack.ErrNoEvidence
}

func (o *one) dataset() error {
	var in struct {
		IDs []string `json:"episode_ids"`
	}
	mo := &one{suite: o.suite, vector: vector{Files: map[string]string{"input": "vectors/merkle/merklelist_001_input.json"}}}
	if err := mo.input("input", &in); err != nil {
		return err
	}
	var want struct {
		Seed     object.Hash `json:"seed"`
		Selected []string    `json:"selected_episode_ids"`
	}
	if err := o.input("selected_json", &want); err != nil {
		return err
	}
	ids, err := parseHashes(in.IDs)
	if err != nil {
		return err
	}
	nodes := pack.Nodes{}
	corpus, err := pack.List(nodes, ids)
	if err != nil {
		return err
	}
	n := uint64(len(want.Selected))
	def, raw, err := dataset.NewDef(dataset.DatasetDef{CorpusRoots: []object.Hash{corpus},
		Query:    dataset.QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}},
		Sampling: dataset.SamplingDef{Mode: dataset.SampleHashN, N: &n, Seed: want.Seed}})
	if err != nil {
		return err
	}
	sel, err := dataset.Select(context.Background(), packSource{nodes}, def)
	if err != nil {
		return err
	}
	o.notes = append(o.notes, sel.Warnings...)
	for i, id := range sel.IDs {
		if i >= len(want.Selected) || want.Selected[i] != id.String() {
			return fmt.Errorf("selected %s as number %d, which the pack does not", id, i)
		}
	}
	manifest, err := pack.List(nodes, sel.IDs)
	if err != nil {
		return err
	}
	return all(
		func() error { return o.same("corpus_rootnode_bin", nodes[corpus]) },
		func() error { return o.same("dataset_def_bin", raw) },
		func() error { return o.expect("dataset_def_id", def.DatasetDefID) },
		func() error { return o.same("manifest_rootnode_bin", nodes[manifest]) },
		func() error { return o.expect("manifest_root_cid", manifest) })
}

func (o *one) codebook() error {
	cb := packet.Baseline()
	entries, err := can.Marshal(&cb.Entries)
	if err != nil {
		return err
	}
	if want, _ := o.Expected["entry_count"].(float64); int(want) != len(cb.Entries) {
		return fmt.Errorf("%d entries, expected %v", len(cb.Entries), o.Expected["entry_count"])
	}
	return all(func() error { return o.same("entries_bin", entries) }, func() error { return o.expect("codebook_id", object.Sum(entries)) })
}

// wire rebuilds the pack's packet. Its layout differs from the pack's own text, so it has a writer and a reader of its
// own, and the real parser must refuse it.
func (o *one) wire() error {
	var in struct {
		Codebook string      `json:"codebook_id"`
		Codec    byte        `json:"codec_id"`
		Flags    uint16      `json:"flags"`
		Version  uint16      `json:"version"`
		Payload  object.Hash `json:"payload_sha256"`
	}
	if err := o.input("description_json", &in); err != nil {
		return err
	}
	codebook, err := hex.DecodeString(in.Codebook)
	if err != nil {
		return err
	}
	if want := packet.BaselineID; !bytes.Equal(codebook, want.Sum[:]) {
		return fmt.Errorf("the packet's codebook is not the baseline")
	}
	payload, err := o.packBundle()
	if err != nil {
		return err
	}
	if got := object.Sum(payload); got != in.Payload {
		return fmt.Errorf("rebuilt payload %s, expected %s", got, in.Payload)
	}
	block, err := can.Marshal(&[]emptySigEntry{{Signer: o.key.Agent(), SigAlg: object.Ed25519, Sig: []byte{}}})
	if err != nil {
		return err
	}
	raw := append([]byte("MYTH"), 0, 0, 0, 0)
	binary.BigEndian.PutUint16(raw[4:], in.Version)
	binary.BigEndian.PutUint16(raw[6:], in.Flags)
	raw = append(append(raw, in.Codec, object.SHA256), codebook...)
	raw = append(binary.AppendUvarint(raw, uint64(len(block))), block...)
	raw = append(binary.AppendUvarint(raw, uint64(len(payload))), payload...)
	o.note("the signature block stands before the payload, and both lengths are varints")
	o.note("the signature is empty; the pack's rule would sign SHA-256(header || payload)")
	o.note("artifact_id is not the bundle's id, and the text constant is in field 4")
	if _, err := packet.Parse(raw, packet.Limits{}); !errors.Is(err, packet.ErrFraming) {
		return fmt.Errorf("the real parser takes the packet: %w", err)
	}
	o.note("the real parser refuses it")
	return all(func() error { return o.same("packet_bin", raw) }, func() error { return o.expect("packet_sha256", object.Sum(raw)) })
}

// emptySigEntry is a SigBlockEntry whose signature has any length.
type emptySigEntry struct {
	Signer object.AgentID `can:"1,signer"`
	SigAlg uint8          `can:"2,sig_alg"`
	Sig    []byte         `can:"3,sig_bytes"`
}

// packBundle rebuilds the minimal bundle: CONST r0 "hello"; RET r0. Its ids are hashes of labels, and the constant
// departs from the definition.
func (o *one) packBundle() ([]byte, error) {
	meta := object.Meta{Spec: "mythos", Version: 2, Author: o.key.Agent(), ArtifactID: object.SumText("irbundle-001"), Signatures: []object.Signature{}}
	text := "hello"
	zero := uint64(0)
	ref := uint32(0)
	reg := ir.Operand{Kind: ir.OperandReg, U64: &zero}
	b := packBundle{
		Meta: meta, Consts: packConsts{[]packConst{{Kind: ir.KindText, Text: text}}},
		Nodes: ir.NodePool{Nodes: []ir.Node{}}, Types: ir.TypeTable{Types: []ir.TypeDef{}}, Symbols: ir.SymbolTable{Symbols: []ir.SymbolSig{}},
		Contracts: ir.ContractTable{Contracts: []ir.ContractDef{}}, Tools: ir.ToolTable{Tools: []ir.ToolDef{}},
		Ops: ir.OpList{Ops: []ir.Op{
			{Opcode: ir.OpConst, Operands: []ir.Operand{reg, {Kind: ir.OperandConstRef, ConstRef: &ref}}},
			{Opcode: ir.OpRet, Operands: []ir.Operand{reg}},
		}},
		Tasks: ir.TaskList{Tasks: []ir.TaskDef{{TaskID: object.SumText("task-001"), EntrySymbol: object.SumText("sym:main"), Args: []ir.Operand{},
			Budget: ir.Budget{CPUus: 50000, IOCount: 10, StateWrites: 10}, EmitTrace: false, EmitAttestation: false}}},
	}
	return can.Marshal(&b)
}

// packBundle and its parts are IRBundle in the pack's form.
type packBundle struct {
	Meta      object.Meta      `can:"1,meta"`
	Consts    packConsts       `can:"2,const_pool"`
	Nodes     ir.NodePool      `can:"3,node_pool"`
	Types     ir.TypeTable     `can:"4,types"`
	Symbols   ir.SymbolTable   `can:"5,symbols"`
	Contracts ir.ContractTable `can:"6,contracts"`
	Tools     ir.ToolTable     `can:"7,tools"`
	Ops       ir.OpList        `can:"8,ops"`
	Tasks     ir.TaskList      `can:"9,tasks"`
}

type packConsts struct {
	Consts []packConst `can:"1,consts"`
}

type packConst struct {
	Kind uint8  `can:"1,kind"`
	Text string `can:"4,text"` // field 4 is bytes in the definition, text is field 5
}
