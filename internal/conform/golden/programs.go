package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/blob"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// packetIn is a packet, its receiver and the time.
type packetIn struct {
	Packet   input.Hex     `json:"packet"`
	Trusted  []string      `json:"trusted_keys"`
	At       int64         `json:"at_us"`
	Guarded  bool          `json:"guarded"`             // a replay guard is required, as for a submission
	Seen     []object.Hash `json:"seen,omitempty"`      // guards seen before
	Receiver string        `json:"receiver,omitempty"`  // a golden key, to decrypt with
	Codebook *input.Hex    `json:"codebook,omitempty"`  // one that sender and receiver agreed on
	Proposal *input.Hex    `json:"agreement,omitempty"` // the agreement, signed by both
}

type packetOut struct {
	PayloadHash object.Hash  `json:"payload_sha256"`
	BundleID    object.Hash  `json:"bundle_id"`
	Signers     []string     `json:"signer_keys"`
	Guard       *object.Hash `json:"guard,omitempty"` // what the receiver remembers, if a guard is required
}

func packetOf(in json.RawMessage) (any, error) {
	var v packetIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	r, out := &packet.Receiver{}, packetOut{Signers: []string{}}
	r.Trusted = func(a object.AgentID) bool { return slices.Contains(v.Trusted, a.KeyHex()) }
	r.Now = func() object.Time { return object.Time(v.At) }
	r.Validate = func(payload []byte) error { _, _, err := ir.Validate(payload); return err }
	if v.Guarded {
		r.Seen = func(_ context.Context, key object.Hash, _ object.Time) (bool, error) {
			out.Guard = &key
			return !slices.Contains(v.Seen, key), nil
		}
	}
	if err := v.equip(r); err != nil {
		return nil, err
	}
	got, err := r.Receive(context.Background(), v.Packet)
	if err != nil {
		return refused(err)
	}
	out.PayloadHash = object.Sum(got.Payload)
	if out.BundleID, err = ir.BundleID(got.Payload); err != nil {
		return nil, err
	}
	for _, a := range got.Signers {
		out.Signers = append(out.Signers, a.KeyHex())
	}
	return out, nil
}

// equip gives the receiver the key and the codebook in the input.
func (v packetIn) equip(r *packet.Receiver) error {
	if v.Receiver == "" {
		return nil
	}
	key := input.Key(v.Receiver)
	identity, err := packet.Identity(key.Seed())
	if err != nil {
		return err
	}
	r.Identities = append(r.Identities, identity)
	if v.Codebook == nil || v.Proposal == nil {
		return nil
	}
	var cb packet.Codebook
	if err := can.Unmarshal(*v.Codebook, &cb); err != nil {
		return err
	}
	r.Codebooks = packet.NewRegistry(key.Agent())
	if r.Codebooks.Add(&cb, *v.Proposal, object.Time(v.At)) != nil {
		r.Codebooks = nil // an invalid one counts as none
	}
	return nil
}

// programIn is a program text, the arguments of its one task, and the key and clock of the executor.
type programIn struct {
	Text    string      `json:"text"`
	As      string      `json:"as"` // a golden key, who holds the capabilities
	At      int64       `json:"at_us"`
	Caps    []input.Hex `json:"caps,omitempty"` // roots, by agents that are trusted
	Blobs   []input.Hex `json:"blobs,omitempty"`
	Tools   []toolIn    `json:"tools,omitempty"`   // built-in ones, besides those for blobs
	Earlier *scriptIn   `json:"earlier,omitempty"` // earlier history of the executor's ledger, as in class ledger
}

// toolIn is a built-in tool that gives every request the same answer.
type toolIn struct {
	Name   string `json:"name"`
	Size   int    `json:"answer_bytes"` // so many bytes, all zero
	Tokens uint64 `json:"tokens,omitempty"`
	Spawns bool   `json:"spawns,omitempty"` // each call is one worker
}

func (v toolIn) builtin() exec.Builtin {
	use := func(request []byte) (scope.Use, error) {
		return scope.Use{Kind: scope.KindToolCall, Tool: exec.BuiltinID(v.Name), Request: request}, nil
	}
	return exec.Builtin{Spawns: v.Spawns, Use: use, Run: func(context.Context, exec.Call) (exec.Response, error) {
		return exec.Response{Body: make([]byte, v.Size), Status: exec.StatusOK, Use: output.Use{Tokens: v.Tokens}}, nil
	}}
}

// maxTrace is the longest trace in an output; a longer one is represented by its hash.
const maxTrace = 64 << 10

type programOut struct {
	Bundle     input.Hex       `json:"bundle"`
	BundleID   object.Hash     `json:"bundle_id"`
	TaskID     object.Hash     `json:"task_id"`
	Result     json.RawMessage `json:"result"` // the untyped view of the encoded result
	ResultHash object.Hash     `json:"result_hash"`
	Halt       uint64          `json:"halt,omitempty"`
	Trace      input.Hex       `json:"trace,omitempty"` // absent when longer than 64 KiB
	TraceHash  object.Hash     `json:"trace_hash"`
	Spent      json.RawMessage `json:"spent"` // the JSON view of a Budget
}

func programOf(in json.RawMessage) (any, error) {
	var v programIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	raw, err := asm.Assemble([]byte(v.Text))
	if err != nil {
		return nil, err
	}
	x, held, err := v.executor()
	if err != nil {
		return nil, err
	}
	res, err := x.Run(context.Background(), raw, object.Hash{}, run.Options{Caps: held})
	if err != nil {
		return refused(err)
	}
	out := programOut{Bundle: raw, BundleID: res.BundleID, TaskID: res.TaskID, ResultHash: res.ResultHash, Trace: res.Trace,
		TraceHash: res.TraceHash}
	if len(out.Trace) > maxTrace {
		out.Trace = nil
	}
	var halt *vm.HaltError
	if errors.As(res.Halt, &halt) {
		out.Halt = uint64(halt.Code)
	}
	if out.Result, err = object.ToJSON(nil, res.Value.Encode()); err != nil {
		return nil, err
	}
	spent, err := can.Marshal(&res.Spent)
	if err != nil {
		return nil, err
	}
	out.Spent, err = object.ToJSON(can.TypeOf(reflect.TypeFor[ir.Budget]()), spent)
	return out, err
}

// gateOver is the gate of an agent over an empty store in memory.
func gateOver(db *memory.DB, as string, at int64) (*exec.Gate, *store.Store) {
	key, s := input.Key(as), store.New(db, db)
	now := func() object.Time { return object.Time(at) }
	return &exec.Gate{Signer: key, Now: now, Verifier: &caps.Verifier{Trusted: func(object.AgentID, uint8) bool { return true }},
		Quotas: quota.New(db, now), Ledger: kvledger.Open(db, key, now), Responses: s, Tools: exec.NewTools(db), Runners: map[uint8]exec.Runner{}}, s
}

// chainsOf are capability chains in their file form.
func chainsOf(raws []input.Hex) ([]caps.Chain, error) {
	var chains []caps.Chain
	for _, raw := range raws {
		chain, err := caps.OpenChain(raw)
		if err != nil {
			return nil, err
		}
		chains = append(chains, chain)
	}
	return chains, nil
}

// executor has the built-in blob tools and the input's tools and capabilities.
func (v programIn) executor() (*run.Executor, []caps.Chain, error) {
	ctx, db := context.Background(), memory.New()
	gate, s := gateOver(db, v.As, v.At)
	blob.Add(gate, s)
	for _, tool := range v.Tools {
		gate.Builtin(tool.Name, tool.builtin())
	}
	for _, b := range v.Blobs {
		if _, err := s.PutBlob(ctx, bytes.NewReader(b), store.PutOptions{}); err != nil {
			return nil, nil, err
		}
	}
	if v.Earlier != nil {
		if _, err := v.Earlier.run(ctx, db); err != nil {
			return nil, nil, err
		}
	}
	held, err := chainsOf(v.Caps)
	return &run.Executor{Gate: gate, Store: s, KV: db}, held, err
}

// parsedIn is an input for one of the parsers, which usually refuse it.
type parsedIn struct {
	Parser string    `json:"parser"` // can, packet, bundle, node, capability, query, program, or a struct's name
	Bytes  input.Hex `json:"bytes,omitempty"`
	Text   string    `json:"text,omitempty"`
	Why    string    `json:"why"` // for people
}

func parsed(in json.RawMessage) (any, error) {
	var v parsedIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	err := v.parse()
	if err == nil {
		return map[string]bool{"accepted": true}, nil
	}
	return syntaxRefused(err)
}

// syntaxRefused is refused; it also gives the position of the fault in a text.
func syntaxRefused(err error) (any, error) {
	var place *query.Error
	if errors.As(err, &place) {
		return map[string]any{"refused": "query", "line": place.Line, "column": place.Column}, nil
	}
	var syntax *asm.SyntaxError
	if errors.As(err, &syntax) {
		return map[string]any{"refused": "program", "line": syntax.Line, "column": syntax.Col}, nil
	}
	return refused(err)
}

func (v parsedIn) parse() (err error) {
	switch v.Parser {
	case "can":
		return can.Validate(v.Bytes)
	case "packet":
		_, err = packet.Parse(v.Bytes, packet.Limits{})
	case "bundle":
		_, _, err = ir.Validate(v.Bytes)
	case "node":
		cid := object.Sum(v.Bytes)
		if _, err = merkle.OpenList(pack.Nodes{cid: v.Bytes}, cid); err != nil {
			if _, chunks := merkle.OpenChunks(pack.Nodes{cid: v.Bytes}, cid); chunks == nil {
				return nil
			}
		}
	case "capability":
		_, err = caps.ImportText(v.Text)
	case "query":
		_, err = query.Parse(v.Text, func(name string) (object.Hash, error) { return object.SumText("tool:" + name), nil })
	case "program":
		_, err = asm.Assemble([]byte(v.Text))
	default:
		s, unknown := input.Struct(v.Parser)
		if unknown != nil {
			return unknown
		}
		err = s.Check(v.Bytes)
	}
	return err
}
