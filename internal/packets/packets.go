// Package packets packs bundles for peers, opens the packets that they send, and answers them.
package packets

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store/kv"
)

// Packets packs bundles, opens packets, and answers them.
type Packets struct {
	ID        *identity.Identity
	DB        kv.KV
	Ledger    *kvledger.Ledger
	Auth      *authority.Authority
	Caller    *calls.Caller
	Codebooks *codebook.Codebooks
	Bundle    func(ctx context.Context, cid object.Hash) ([]byte, error) // reads a bundle that is a blob

	decodes chan struct{} // holds one item for each packet that is being decoded
}

// New returns p, ready for use.
func New(p Packets) *Packets {
	p.decodes = make(chan struct{}, maxDecoding)
	return &p
}

// Our extensions of a bundle's Meta.
const (
	extensionCaps   = "mythos.caps"   // the file form of capability chains, in a CAN list
	extensionAnswer = "mythos.answer" // canonical run.Answer

	extensionSpawned = "mythos.spawned" // canonical vm.SpawnedTask
)

// PackOptions say how a bundle is packed.
type PackOptions struct {
	Zstd  bool
	To    []object.AgentID // encrypt to these agents; none: not encrypted
	Caps  []caps.Chain     // authority that travels with the bundle
	TTL   time.Duration    // of the replay guard; 0: ten minutes
	Guard bool             // with a replay guard, as a submission needs

	Codebook *packet.Codebook // one that the receiver has agreed to, for codec 2; nil: the baseline
	With     []sign.Signer    // signers besides this repository's identity
}

// Pack signs a bundle as a packet.
func (pa *Packets) Pack(raw []byte, o PackOptions) ([]byte, error) {
	sealed, err := pa.seal(raw, o)
	if err != nil {
		return nil, err
	}
	return pa.packSealed(sealed, o)
}

// seal makes the bundle inside a packet.
func (pa *Packets) seal(raw []byte, o PackOptions) ([]byte, error) {
	if len(o.Caps) > 0 {
		var err error
		if raw, err = withCaps(raw, o.Caps); err != nil {
			return nil, err
		}
	}
	var guard *ir.Guard
	if o.Guard {
		if o.TTL == 0 {
			o.TTL = 10 * time.Minute
		}
		guard = &ir.Guard{Expires: pa.ID.Now().Add(o.TTL)}
		if _, err := rand.Read(guard.Nonce[:]); err != nil {
			return nil, err
		}
	}
	sealed, err := ir.Seal(raw, pa.ID.Key, guard)
	if err != nil {
		return nil, fmt.Errorf("seal bundle: %w", err)
	}
	return sealed, nil
}

func (pa *Packets) packSealed(sealed []byte, o PackOptions) ([]byte, error) {
	opts := packet.Options{Signers: append([]sign.Signer{pa.ID.Key}, o.With...), Codebook: o.Codebook}
	if o.Zstd || o.Codebook != nil {
		opts.Codec = packet.CodecZstd
	}
	for _, agent := range o.To {
		r, err := packet.Recipient(agent)
		if err != nil {
			return nil, err
		}
		opts.Encrypt = append(opts.Encrypt, r)
	}
	return packet.Pack(opts, sealed)
}

// withCaps adds chains to the bundle's extensions.
func withCaps(raw []byte, chains []caps.Chain) ([]byte, error) {
	b, err := object.Decode[ir.Bundle](raw)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for _, ch := range chains {
		file, err := caps.ExportFile(ch)
		if err != nil {
			return nil, err
		}
		list = append(list, file)
	}
	if b.Meta.Extensions == nil {
		b.Meta.Extensions = map[string][]byte{}
	}
	if b.Meta.Extensions[extensionCaps], err = can.ListOf(list); err != nil {
		return nil, err
	}
	return can.Marshal(b)
}

// Received is a packet that passed all checks.
type Received struct {
	Packet  *packet.Packet
	Bundle  []byte // canonical bytes
	Author  object.AgentID
	Caps    []caps.Chain // the chains that travelled with it, not yet authorized
	Answer  *run.Answer  // if it answers a submission
	Signers []object.AgentID

	Spawned *vm.SpawnedTask // if it is a task of a spawn
}

// IsPacket reports whether data looks like a packet rather than a bundle.
func (pa *Packets) IsPacket(data []byte) bool { return len(data) > 4 && string(data[:4]) == "MYTH" }

// Open receives a packet from a file or a pipe. It checks framing, signatures, codebook, payload and bundle, in this
// order, each with its own error. No replay guard is required.
func (pa *Packets) Open(ctx context.Context, raw []byte) (*Received, error) {
	return pa.receive(ctx, raw, nil)
}

// Accept is Open for a submission: the packet needs a replay guard that was not seen before, and is not a task of a
// spawn.
func (pa *Packets) Accept(ctx context.Context, raw []byte) (*Received, error) {
	return pa.receive(ctx, raw, pa.seen)
}

func (pa *Packets) receive(ctx context.Context, raw []byte, seen packet.Seen) (*Received, error) {
	p, err := packet.Parse(raw, packet.Limits{})
	if err != nil {
		return nil, err
	}
	out := &Received{Packet: p}
	r := &packet.Receiver{
		Trusted: pa.ID.TrustsPacket, Seen: seen, Now: pa.ID.Now,
		Validate: func(payload []byte) error { // everything is checked before the guard, whose nonce is then used up
			err := out.open(payload)
			if err == nil && seen != nil && out.Spawned != nil {
				err = errors.New("a task of a spawn is not submitted")
			}
			return err
		},
	}
	release := func() {}
	defer func() { release() }()
	r.Verified = func(ctx context.Context, p *packet.Packet) (err error) {
		if release, err = pa.decoding(ctx); err == nil {
			err = pa.openers(ctx, r, p)
		}
		return err
	}
	got, err := r.Take(ctx, p)
	if err != nil {
		return nil, err
	}
	out.Signers = got.Signers
	return out, nil
}

// maxDecoding is how many packets are decoded at a time: each may take several times packet.Limits.MaxPlain of memory.
const maxDecoding = 2

// decoding waits until a packet may be decoded.
func (pa *Packets) decoding(ctx context.Context) (release func(), err error) {
	select {
	case pa.decodes <- struct{}{}:
		return func() { <-pa.decodes }, nil
	case <-ctx.Done():
		return func() {}, context.Cause(ctx)
	}
}

// openers gives a receiver what it needs to decode a verified packet.
func (pa *Packets) openers(ctx context.Context, r *packet.Receiver, p *packet.Packet) (err error) {
	if r.Codebooks, err = pa.Codebooks.Registry(ctx, p.Header.Codebook); err != nil || !p.Header.Encrypted() {
		return err
	}
	id, err := packet.Identity(pa.ID.Key.Seed()) // making one costs more than verifying the packet
	if err == nil {
		r.Identities = []age.Identity{id}
	}
	return err
}

// open checks the bundle and the chains and receipts in it.
func (r *Received) open(payload []byte) error {
	b, _, err := ir.Validate(payload)
	if err != nil {
		return err
	}
	r.Bundle, r.Author = payload, b.Meta.Author
	if r.Caps, err = carriedCaps(b.Meta.Extensions[extensionCaps]); err != nil {
		return err
	}
	if a, ok := b.Meta.Extensions[extensionAnswer]; ok {
		if r.Answer, err = object.Decode[run.Answer](a); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	if s, ok := b.Meta.Extensions[extensionSpawned]; ok {
		if r.Spawned, err = object.Decode[vm.SpawnedTask](s); err != nil {
			return fmt.Errorf("spawned task: %w", err)
		}
	}
	return nil
}

const maxCarried = 64 // maximum number of chains in one bundle

func carriedCaps(raw []byte) ([]caps.Chain, error) {
	if raw == nil {
		return nil, nil
	}
	r := can.NewReader(raw)
	count, err := r.List()
	if err == nil && count > maxCarried {
		err = fmt.Errorf("%d chains, at most %d are taken", count, maxCarried)
	}
	if err != nil {
		return nil, fmt.Errorf("carried capabilities: %w", err)
	}
	var list []caps.Chain
	for range count {
		file, err := r.Skip()
		if err != nil {
			return nil, err
		}
		ch, err := caps.ImportFile(file)
		if err != nil {
			return nil, fmt.Errorf("carried capability: %w", err)
		}
		list = append(list, ch)
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("carried capabilities: %w", err)
	}
	return list, nil
}

const (
	seenKeys  = kv.SeenPackets  // expiry of the nonces of packets
	nonceKeys = kv.SeenRequests // expiry of the nonces of signed requests
)

// seen records a replay guard; it is fresh if nobody recorded it before.
func (pa *Packets) seen(ctx context.Context, key object.Hash, until object.Time) (bool, error) {
	k := seenKeys + key.String()
	return pa.DB.Update(ctx, map[string][]byte{k: nil}, map[string][]byte{k: binary.BigEndian.AppendUint64(nil, uint64(until))})
}

// TakeNonce records the nonce of a request that an agent signed, until it expires; it is fresh if no server of this
// repository recorded it before.
func (pa *Packets) TakeNonce(ctx context.Context, agent object.AgentID, nonce [16]byte, until object.Time) (fresh bool, err error) {
	k := nonceKeys + object.Sum(append(agent.Key[:], nonce[:]...)).String()
	return pa.DB.Update(ctx, map[string][]byte{k: nil}, map[string][]byte{k: binary.BigEndian.AppendUint64(nil, uint64(until))})
}

// ErrCancelled is why a cancelled task ended.
var ErrCancelled = errors.New("cancelled by who submitted it, or by who runs the server")

// Serve runs the first task of an accepted packet, or the task of a spawn that it stands for, and returns the signed
// answer. If ctx ends with [ErrCancelled] before the task ends, it returns an answer that says so, with that error. idle
// is as of [exec.Manner].
func (pa *Packets) Serve(ctx context.Context, got *Received, idle func() (back func())) ([]byte, *run.Result, error) {
	spec, err := pa.spec(context.WithoutCancel(ctx), got)
	if err != nil {
		return nil, nil, err
	}
	done := [][]byte{}
	spec.OnEffect = func(_ exec.Effect, out exec.Outcome) { done = append(done, out.ReceiptRaw) }
	spec.Manner.Idle = idle
	err = context.Cause(ctx)
	var ran *calls.Ran
	if err == nil {
		ran, err = pa.Caller.Run(ctx, spec)
	}
	cancelled := errors.Is(context.Cause(ctx), ErrCancelled)
	ctx = context.WithoutCancel(ctx) // the effects have happened: the answer reports them
	if err != nil && cancelled {
		answer, err := pa.cancelledAnswer(ctx, got, done)
		return answer, nil, errors.Join(ErrCancelled, err)
	}
	if err != nil {
		return nil, nil, err
	}
	res := ran.Result
	a := &run.Answer{PacketID: got.Packet.ID(), BundleID: res.BundleID, TaskID: res.TaskID, ResultHash: res.ResultHash,
		Result: res.Value.Encode(), Receipts: [][]byte{}, TraceRef: res.TraceRef, EpisodeID: res.EpisodeID}
	if res.Halt != nil {
		text := res.Halt.Error()
		a.Halted = &text
	}
	if got.Spawned != nil {
		a.CPUus = &res.Spent.CPUus
	}
	for _, id := range res.Receipts {
		raw, err := pa.Ledger.Receipt(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		a.Receipts = append(a.Receipts, raw)
	}
	pkt, err := pa.packAnswer(ctx, got, a)
	return pkt, res, err
}

// spec returns the run that a packet asks for, and stores the capabilities that a submission brings.
func (pa *Packets) spec(ctx context.Context, got *Received) (calls.RunSpec, error) {
	if got.Spawned != nil {
		return pa.spawned(ctx, got)
	}
	for _, ch := range got.Caps {
		if err := pa.Auth.Add(ctx, ch...); err != nil {
			return calls.RunSpec{}, err
		}
	}
	return calls.RunSpec{Bundle: got.Bundle, Caps: got.Caps}, nil
}

// packAnswer signs an answer.
func (pa *Packets) packAnswer(ctx context.Context, got *Received, a *run.Answer) ([]byte, error) {
	raw, err := pa.answerBundle(a)
	if err != nil {
		return nil, err
	}
	o := PackOptions{Guard: true}
	if id := got.Packet.Header.Codebook; id != packet.BaselineID { // the sender can read an answer in the codebook that it used
		if o.Codebook, err = pa.Codebooks.For(ctx, id, []object.AgentID{got.Author}); err != nil {
			return nil, err
		}
	}
	return pa.Pack(raw, o)
}

// cancelledAnswer is the answer to a submission whose task was cancelled: the result is null, and the receipts are
// those of the effects that had already happened.
func (pa *Packets) cancelledAnswer(ctx context.Context, got *Received, receipts [][]byte) ([]byte, error) {
	id, err := ir.BundleID(got.Bundle)
	if err != nil {
		return nil, err
	}
	b, err := object.Decode[ir.Bundle](got.Bundle)
	if err != nil {
		return nil, err
	}
	null, why := vm.Value{}.Encode(), ErrCancelled.Error()
	a := &run.Answer{PacketID: got.Packet.ID(), BundleID: id, ResultHash: object.Sum(null), Result: null, Receipts: receipts, Halted: &why}
	if len(b.Tasks.Tasks) > 0 {
		a.TaskID = b.Tasks.Tasks[0].TaskID
	}
	return pa.packAnswer(ctx, got, a)
}

// answerBundle makes the program that returns the result, or its hash if it is too large to be inline.
func (pa *Packets) answerBundle(a *run.Answer) ([]byte, error) {
	raw, err := can.Marshal(a)
	if err != nil {
		return nil, err
	}
	value := ir.HashScalar(a.ResultHash)
	if len(a.Result) <= ir.MaxInline {
		value = ir.BytesScalar(a.Result)
	}
	return pa.carrier(extensionAnswer, raw, value)
}

// carrier makes a bundle for what its extension holds. Its program returns the value.
func (pa *Packets) carrier(extension string, raw []byte, value ir.Scalar) ([]byte, error) {
	b := ir.NewBuilder(pa.ID.Self())
	b.Meta().Extensions = map[string][]byte{extension: raw}
	b.Op(ir.OpConst, ir.Reg(0), b.Const(value))
	b.Op(ir.OpRet, ir.Reg(0))
	sym := b.Symbol(ir.SymbolSig{ModuleID: object.SumText(extension), ArgTypeIDs: []object.Hash{}, ReturnTypeID: ir.TypeAny, Entry: new(uint32)})
	b.Task(ir.TaskDef{EntrySymbol: sym, Budget: ir.Budget{CPUus: 1000}})
	return b.Build()
}
