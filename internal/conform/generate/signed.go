package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/epoch"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// Signatures of alice over SHA-256("what is signed") on which implementations of Ed25519 disagree. The point of order 8
// that they use is 26e8958f...fc05.
const (
	scalarBeyondOrder = "6f7606340af4ad173332dd34fe5789458a6effd679db17324b28d5fe150179e04643f7f3bbcaa372e4cd7ea5cb56fb199c99ee7936f9fe28509482f6782e4413" // S + L
	pointBesideGroup  = "3830e6a1bec68acc04c8367cf8cd9f93e9f9f3eb91d86bf458f16527b4c6005e425d30b7863fa36a47cb41f155319f0443dd7d0ac0f947d4051a999064068903" // R + the point
	mixedKey          = "f03b84ad06398f562510f8e7b41e2c04029cb315aebd6672f4b05a66a33d634c"                                                                 // alice's key + the point
	mixedSignature    = "6f7606340af4ad173332dd34fe5789458a6effd679db17324b28d5fe150179e05820716f09f2578e2b522b346dfe2ca57022ea06b04c0c5fa69b1fb18d6def08"
)

// smallKeys are encodings of points of small order, the canonical ones first.
var smallKeys = []struct{ key, what string }{
	{"0100000000000000000000000000000000000000000000000000000000000000", "the neutral point"},
	{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "a point of order 2"},
	{"0000000000000000000000000000000000000000000000000000000000000000", "a point of order 4"},
	{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "a point of order 8"},
	{"0100000000000000000000000000000000000000000000000000000000000080", "the neutral point with a sign"},
	{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "the neutral point, y not reduced"},
	{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "a point of order 4, y not reduced"},
	{"0200000000000000000000000000000000000000000000000000000000000000", "no point"},
}

func signatures() *set {
	s := &set{Class: "signatures", About: "signatures over an id, by a public key: those that hold, and those that implementations of Ed25519 disagree about"}
	id := object.SumText("what is signed")
	good := must(sign.ID(alice, id))
	show := func(name, key string, sig object.Signature) {
		s.Add(name, fields{"signer_key": key, "id": id, "signature": view(structNamed("Signature"), must(can.Marshal(&sig)))})
	}
	with := func(bytes string) object.Signature {
		var v struct{ B [64]byte }
		copy(v.B[:], unhexed(bytes))
		return object.Signature{Alg: object.Ed25519, Sig: v.B}
	}
	key, other := alice.Agent().KeyHex(), bob.Agent().KeyID()
	show("with its key id", key, good)
	show("without a key id", key, object.Signature{Alg: object.Ed25519, Sig: good.Sig})
	show("with another's key id", key, object.Signature{Alg: object.Ed25519, KeyID: &other, Sig: good.Sig})
	show("another's, with the signer's key id", key, object.Signature{Alg: object.Ed25519, KeyID: good.KeyID, Sig: must(sign.ID(bob, id)).Sig})
	show("of another algorithm", key, object.Signature{Alg: 2, Sig: good.Sig})
	changed := good.Sig
	changed[0] ^= 1
	show("one bit of R changed", key, object.Signature{Alg: object.Ed25519, Sig: changed})
	changed = good.Sig
	changed[40] ^= 1
	show("one bit of S changed", key, object.Signature{Alg: object.Ed25519, Sig: changed})
	show("all zero", key, object.Signature{Alg: object.Ed25519})
	show("S is not below the group order", key, with(scalarBeyondOrder))
	show("R differs by a point of order 8: it holds with the cofactor only", key, with(pointBesideGroup))
	show("the key differs by a point of order 8: it holds with the cofactor only", mixedKey, with(mixedSignature))
	for _, small := range smallKeys {
		show("by "+small.what+", R the neutral point, S 0", small.key, with(smallKeys[0].key+strings.Repeat("0", 64)))
		show("by "+small.what+", R the same point, S 0", small.key, with(small.key+strings.Repeat("0", 64)))
		show("R "+small.what+", S 0, by a good key", key, with(small.key+strings.Repeat("0", 64)))
	}
	return s
}

func unhexed(text string) (b []byte) {
	must(fmt.Sscanf(text, "%x", &b))
	return b
}

// logs are checkpoints with their proofs.
func logs() *set {
	s := &set{Class: "logs", About: "checkpoints of a log: inclusion of an entry, consistency with an older one, a witness's cosignature"}
	ctx, now := context.Background(), object.Time(start)
	l := kvledger.Open(memory.New(), alice, func() object.Time { return now })
	var points [][]byte
	var raws [][]byte
	for i := range 7 {
		points = append(points, must(l.Checkpoint(ctx)))
		_, raw := receipt(alice, "", fmt.Sprint("question ", i), "answer", 200)
		must(0, l.Record(ctx, raw))
		raws = append(raws, raw)
	}
	points = append(points, must(l.Checkpoint(ctx)))
	at := func(size int, more fields) fields {
		in := fields{"log_key": alice.Agent().KeyHex(), "checkpoint": string(points[size])}
		for k, v := range more {
			in[k] = v
		}
		return in
	}
	for _, size := range []int{0, 1, 7} {
		s.Addf(at(size, nil), "a checkpoint of %d entries", size)
	}
	s.Add("another log", fields{"log_key": bob.Agent().KeyHex(), "checkpoint": string(points[7])})
	for _, c := range []struct{ name, old, new string }{
		{"another size", "\n7\n", "\n8\n"}, {"a size with a zero before it", "\n7\n", "\n07\n"}, {"another origin", "mythos.ledger/", "mythos.ledgers/"}, {"no signature", "\u2014 ", "- "},
	} {
		s.Add(c.name, fields{"log_key": alice.Agent().KeyHex(), "checkpoint": strings.Replace(string(points[7]), c.old, c.new, 1)})
	}
	inclusions(s, l.Prover(ctx), raws, at)
	consistencies(s, l.Prover(ctx), at)
	cosigned := string(must(mlog.Cosign(carol, alice.Agent(), points[7], nil, nil, now)))
	s.Add("cosigned", at(7, fields{"checkpoint": cosigned, "witness_key": carol.Agent().KeyHex()}))
	s.Add("cosigned by another", at(7, fields{"checkpoint": cosigned, "witness_key": bob.Agent().KeyHex()}))
	s.Add("not cosigned", at(7, fields{"witness_key": carol.Agent().KeyHex()}))
	epochs(s, points, raws)
	return s
}

func inclusions(s *set, log mlog.Prover, raws [][]byte, at func(int, fields) fields) {
	for _, size := range []uint64{1, 2, 3, 7} {
		for seq := range size {
			proof := must(log.Inclusion(size, seq))
			s.Addf(at(int(size), fields{"inclusion": fields{"seq": seq, "kind": ledger.EntryReceipt, "raw": hexOf(raws[seq]), "proof": orEmpty(proof)}}), "entry %d of %d", seq, size)
		}
	}
	proof, show := must(log.Inclusion(7, 3)), func(name string, seq, kind int, raw []byte, proof []object.Hash) {
		s.Add(name, at(7, fields{"inclusion": fields{"seq": seq, "kind": kind, "raw": hexOf(raw), "proof": proof}}))
	}
	show("entry 3 in another place", 2, 1, raws[3], proof)
	show("entry 3 as another kind", 3, 2, raws[3], proof)
	show("another entry in place 3", 3, 1, raws[2], proof)
	show("a proof that is too short", 3, 1, raws[3], proof[:2])
	show("a proof that is too long", 3, 1, raws[3], append(proof[:3:3], proof[0]))
	show("a proof in another order", 3, 1, raws[3], []object.Hash{proof[1], proof[0], proof[2]})
	show("beyond the end", 7, 1, raws[3], proof)
}

func consistencies(s *set, log mlog.Prover, at func(int, fields) fields) {
	older := func(size int, proof []object.Hash) fields {
		return fields{"older": fields{"checkpoint": at(size, nil)["checkpoint"], "proof": orEmpty(proof)}}
	}
	for _, c := range [][2]int{{0, 7}, {1, 2}, {3, 7}, {4, 7}, {6, 7}, {7, 7}} {
		s.Addf(at(c[1], older(c[0], must(log.Consistency(uint64(c[0]), uint64(c[1]))))), "%d entries begin with %d", c[1], c[0])
	}
	proof := must(log.Consistency(3, 7))
	s.Add("a consistency proof for another size", at(7, older(4, proof)))
	s.Add("a consistency proof that is too short", at(7, older(3, proof[1:])))
	s.Add("no consistency proof", at(7, older(3, nil)))
	s.Add("the older one is the longer one", at(3, older(7, proof)))
}

// epochs are those of a log that was restored with its first three entries of seven.
func epochs(s *set, points, raws [][]byte) {
	ctx, now := context.Background(), func() object.Time { return object.Time(start) }
	restored := func() *kvledger.Ledger {
		l := kvledger.Open(memory.New(), alice, now)
		for _, raw := range raws[:3] {
			must(0, l.Record(ctx, raw))
		}
		return l
	}
	tool, keep := exec.BuiltinID(epoch.Effect), func(_ context.Context, b []byte) (object.Hash, error) { return object.Sum(b), nil }
	l := restored()
	watch := epoch.New(&epoch.Watch{KV: memory.New(), Log: l.Merkle(), Signer: alice, Known: func() []object.AgentID { return nil }, Now: now})
	must(watch.Begin(ctx, l, tool, points[7], keep))
	for i := range 3 {
		_, raw := receipt(alice, "", fmt.Sprint("question ", i, " after that"), "answer", 200)
		must(0, l.Record(ctx, raw))
	}
	var begun []byte
	must(0, l.Log(ctx, kvledger.Filter{Tool: tool}, func(entry ledger.Entry) error {
		begun = entry.Raw
		return nil
	}))
	add := func(name string, l *kvledger.Ledger, raw []byte, lost, good, kept []byte, more func(fields)) {
		size := must(l.Merkle().Size(ctx))
		in := fields{"receipt": fields{"seq": 3, "kind": ledger.EntryReceipt, "raw": hexOf(raw), "proof": must(l.Prover(ctx).Inclusion(size, 3))},
			"lost": string(lost), "good": string(good), "proof": must(l.Prover(ctx).Consistency(3, size))}
		if kept != nil {
			in["kept"] = string(kept)
		}
		if more != nil {
			more(in)
		}
		s.Add(name, fields{"log_key": alice.Agent().KeyHex(), "checkpoint": string(must(l.Checkpoint(ctx))), "epoch": in})
	}
	show := func(name string, lost, good, kept []byte, more func(fields)) {
		add(name, l, begun, lost, good, kept, more)
	}
	show("an epoch", points[7], points[3], nil, nil)
	show("an epoch with another lost checkpoint", points[6], points[3], nil, nil)
	show("an epoch with another good checkpoint", points[7], points[2], nil, nil)
	show("an epoch whose log does not begin with the good checkpoint", points[7], points[3], nil, func(in fields) { in["proof"] = in["proof"].([]object.Hash)[1:] })
	show("kept: the one that was lost", points[7], points[3], points[7], nil)
	show("kept: between the good one and the lost one", points[7], points[3], points[5], nil)
	show("kept: the good one", points[7], points[3], points[3], nil)
	show("kept: older than the good one", points[7], points[3], points[2], nil)

	for _, c := range []struct {
		name, key string
		status    uint16
		good      []byte
	}{{"an epoch after another number of entries", "", 200, points[2]}, {"no epoch begins with a key", "key", 200, points[3]}, {"no epoch begins with a refusal", "", 403, points[3]}} {
		l := restored()
		_, raw, err := ledger.NewReceipt(alice, ledger.Receipt{ToolID: tool, IdempotencyKey: []byte(c.key), RequestHash: object.Sum(points[7]), ResponseHash: object.Sum(c.good), Status: c.status, TimeObserved: object.Time(start)})
		must(0, errors.Join(err, l.Record(ctx, raw)))
		add(c.name, l, raw, points[7], c.good, nil, nil)
	}
}

func orEmpty(list []object.Hash) []object.Hash { return append([]object.Hash{}, list...) }
