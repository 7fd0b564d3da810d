package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/sample"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/packet"
)

const hello = ".const a text \"hello\"\n.task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\nconst r0, $a\nret r0\n"

// sealed is alice's program with a replay guard.
func sealed(text string, expires int64) []byte {
	raw := must(asm.Assemble([]byte(text)))
	return must(ir.Seal(raw, alice, &ir.Guard{Nonce: [16]byte{1, 2, 3}, Expires: object.Time(expires)}))
}

// Packets made by zstd or age are inputs: nobody has to compress or encrypt to the same bytes.
func packets() *set {
	s := &set{Class: "packets", About: "packets as they are received, and the step at which a refused one ends"}
	payload := sealed(hello, start+minute)
	pack := func(o packet.Options) []byte {
		if o.Signers == nil {
			o.Signers = []sign.Signer{alice}
		}
		return must(packet.Pack(o, payload))
	}
	show := func(id string, raw []byte, more fields) {
		in := fields{"packet": hexOf(raw), "trusted_keys": []string{alice.Agent().KeyHex()}, "at_us": start, "guarded": true}
		for k, v := range more {
			in[k] = v
		}
		s.Add(id, in)
	}
	plain := pack(packet.Options{})
	show("codec 1", plain, nil)
	show("without a guard demanded", plain, fields{"guarded": false})
	show("codec 2", pack(packet.Options{Codec: packet.CodecZstd}), nil)
	show("signed by two", pack(packet.Options{Signers: []sign.Signer{alice, bob}}), nil)
	show("signed by a stranger", pack(packet.Options{Signers: []sign.Signer{bob}}), nil)
	show("not compressed, by a stranger", resignBy(bob, notCompressed(pack(packet.Options{Signers: []sign.Signer{bob}}))), nil)
	show("expired", plain, fields{"at_us": start + minute})
	show("expires too far away", must(packet.Pack(packet.Options{Signers: []sign.Signer{alice}}, sealed(hello, start+25*60*minute))), nil)
	guard := must(packet.GuardOf(payload))
	show("received before", plain, fields{"seen": []object.Hash{guard.Key()}})
	unguarded := must(ir.Seal(must(asm.Assemble([]byte(hello))), alice, nil))
	show("no guard", must(packet.Pack(packet.Options{Signers: []sign.Signer{alice}}, unguarded)), nil)
	show("no bundle", must(packet.Pack(packet.Options{Signers: []sign.Signer{alice}}, can.AppendNull(nil))), nil)
	hostile(show, plain)
	codebooks(show, pack)
	signatureBlocks(show, plain)
	return s
}

// hostile changes each field of a packet.
func hostile(show func(string, []byte, fields), plain []byte) {
	change := func(id string, f func(raw []byte) []byte) { show(id, f(slices.Clone(plain)), nil) }
	set := func(at int, b byte) func([]byte) []byte {
		return func(raw []byte) []byte { raw[at] = b; return raw }
	}
	signed := func(id string, f func([]byte) []byte) { // then signed by alice
		show(id, resign(f(slices.Clone(plain))), nil)
	}
	change("magic", set(0, 'm'))
	change("version 3", set(5, 3))
	change("an unknown flag", set(7, 2))
	signed("the flag of encryption, not encrypted", set(7, 1))
	change("codec 0", set(8, 0))
	change("codec 3", set(8, 3))
	signed("codec 2, not compressed", set(8, 2))
	change("codec 2, neither compressed nor signed", set(8, 2))
	change("codebook algorithm 2", set(9, 2))
	signed("an unknown codebook", set(10, 0))
	change("an unknown codebook, not signed", set(10, 0))
	change("payload length beyond the end", set(42, 0xff))
	change("payload length 0", func(raw []byte) []byte { binary.BigEndian.PutUint32(raw[42:], 0); return raw })
	change("a changed payload byte", func(raw []byte) []byte { raw[60] ^= 1; return raw })
	change("a changed signature byte", func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw })
	change("trailing byte", func(raw []byte) []byte { return append(raw, 0) })
	for _, n := range []int{0, 3, 45, 46, 100} {
		change(fmt.Sprintf("cut to %d bytes", n), func(raw []byte) []byte { return raw[:n] })
	}
	change("cut by one byte", func(raw []byte) []byte { return raw[:len(raw)-1] })
}

// resign replaces alice's signature, the last one of the packet, by a valid one.
func resign(raw []byte) []byte { return resignBy(alice, raw) }

func resignBy(key *sign.Key, raw []byte) []byte {
	sig := must(key.Sign(raw[:46+int(binary.BigEndian.Uint32(raw[42:]))]))
	copy(raw[len(raw)-len(sig):], sig[:])
	return raw
}

func notCompressed(raw []byte) []byte {
	raw[8] = packet.CodecZstd
	return raw
}

// codebooks have a negotiated codebook, and encryption to the receiver.
func codebooks(show func(string, []byte, fields), pack func(packet.Options) []byte) {
	book := must(hex.DecodeString(strings.TrimSpace(trained)))
	cb := must(object.Decode[packet.Codebook](book))
	agreement := must(packet.Accept(bob, must(packet.Propose(alice, cb, bob.Agent(), object.Time(start+minute))), cb, object.Time(start)))
	raw := pack(packet.Options{Codec: packet.CodecZstd, Codebook: cb})
	show("a negotiated codebook", raw, fields{"receiver": "bob", "codebook": hexOf(book), "agreement": hexOf(agreement)})
	proposed := must(packet.Propose(alice, cb, bob.Agent(), object.Time(start+minute)))
	show("a codebook that was proposed only", raw, fields{"receiver": "bob", "codebook": hexOf(book), "agreement": hexOf(proposed)})
	show("a codebook whose agreement has expired", raw, fields{"receiver": "bob", "codebook": hexOf(book), "agreement": hexOf(agreement), "at_us": start + minute})
	show("a codebook that was never agreed on", raw, fields{"receiver": "bob"})
	show("another agent's codebook", raw, fields{"receiver": "carol"})
	secret := must(hex.DecodeString(strings.TrimSpace(encrypted)))
	show("encrypted to the receiver", secret, fields{"receiver": "bob"})
	show("encrypted to another", secret, fields{"receiver": "carol"})
}

// Made once: age never gives the same bytes again, and neither does training a dictionary.
var (
	//go:embed encrypted.hex
	encrypted string
	//go:embed codebook.hex
	trained string
)

func programs() *set {
	s := &set{Class: "programs", About: "programs by alice's executor at a fixed time: bundle, result, trace and what was spent"}
	add := func(id, text string, more fields) {
		in := fields{"text": text, "as": "alice", "at_us": start}
		for k, v := range more {
			in[k] = v
		}
		s.Add(id, in)
	}
	task := func(budget string) string { return ".task #\"sym:main\" () budget { " + budget + " } trace\n" }
	const small = "cpu 1000, io 0, writes 0"
	add("hello", hello, nil)
	add("every constant", ".const i i64 -5\n.const u u64 5\n.const b bytes x\"00ff\"\n.const t text \"text\"\n.const h hash #\"tool:sample\"\n"+task(small)+
		"const r1, $i\nconst r2, $u\nconst r3, $b\nconst r4, $t\nconst r5, $h\nlist r0, r1, r2, r3, r4, r5, -7, 7\nret r0\n", nil)
	add("a record, GET and SET", ".type Pair record { 1 left: any, 2 right: any? }\n.node p Pair { 1: 5 }\n"+task(small)+
		"make r1, &p\nget r2, r1, 1\nset r3, r1, 2, r2\nlist r0, r1, r2, r3\nret r0\n", nil)
	add("a loop of 10", loop(10), nil)
	add("the loop exceeds its cpu", strings.Replace(loop(10), "cpu 1000", "cpu 12", 1), nil)
	add("halt", task(small)+"halt\n", nil)
	add("the end without RET", task(small)+"nop\n", nil)
	add("GET of a missing field", ".type Pair record { 1 left: any, 2 right: any? }\n.node p Pair { 1: 5 }\n"+task(small)+"make r1, &p\nget r2, r1, 2\nret r2\n", nil)
	add("recursion to the depth limit", ".symbol main () -> any entry @main\n.task sym:main () budget { cpu 1000, io 0, writes 0, depth 5 } trace\nmain: call sym:main, (), r0\nret r0\n", nil)
	add("a contract that holds", contract("5"), nil)
	add("a contract that is broken", contract("6"), nil)
	write := issue(alice, alice, &scope.BlobWrite{Namespace: "vectors", MaxSize: 1000, MediaAllow: []string{"text/plain"}}, nil)
	put := ".type BlobMeta record { 1 namespace: text, 2 media: text, 3 codec: u64? }\n.const data text \"a small blob\"\n.const where text \"vectors\"\n" +
		".const media text \"text/plain\"\n.node meta BlobMeta { 1: $where, 2: $media }\n" + task("cpu 10000, io 1, writes 1") +
		"require_cap #" + write[0].ID.String() + "\nblob_put $data, &meta, r1, r2\nret r1\n"
	add("BLOB_PUT", put, fields{"caps": []string{hexOf(write[0].Raw)}})
	add("BLOB_PUT without the capability", put, nil)
	vmVectors(add)
	add("BLOB_PUT beyond its io budget", strings.Replace(put, "io 1", "io 0", 1), fields{"caps": []string{hexOf(write[0].Raw)}})
	return s
}

// loop counts down a linked list of n cells.
func loop(n int) string {
	var b strings.Builder
	b.WriteString(".type Cell record { 1 tail: any? }\n.node c0 Cell { }\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, ".node c%d Cell { 1: &c%d }\n", i, i-1)
	}
	fmt.Fprintf(&b, ".task #\"sym:main\" () budget { cpu 1000, io 0, writes 0 } trace\nmake r0, &c%d\nnext: match r0, type:Cell, @more\nret r0\nmore: get r0, r0, 1\njz r0, @done\njmp @next\ndone: ret r0\n", n-1)
	return b.String()
}

func contract(value string) string {
	return ".const five u64 5\n.type Box record { 5 at: any }\n.contract five {\n requires eq(episode.5, $five)\n ensures eq(episode.5, $five)\n}\n.node box Box { 5: " + value + " }\n" +
		".task #\"sym:main\" () budget { cpu 1000, io 0, writes 0 } trace\nmake r0, &box\nassert contract:five, r0, r1\nret r0\n"
}

// refusals are inputs that every parser must refuse, with the reason.
func refusals() *set {
	s := &set{Class: "must-reject", About: "inputs that must be refused, with the reason and the offset or the line of the fault"}
	for _, c := range []struct{ data, why string }{
		{"", "nothing"}, {"09", "a tag that is not known"}, {"ff", "a tag that is not known"}, {"0000", "a byte after the value"},
		{"03", "an integer is missing"}, {"0380", "an integer is cut"}, {"038000", "0 in two bytes"}, {"03ff00", "127 in two bytes"},
		{"03ffffffffffffffffff02", "65 bits"}, {"0380808080808080808080808001", "eleven bytes and more"}, {"0480", "a signed integer is cut"}, {"048000", "a signed 0 in two bytes"},
		{"058000", "a length of 0 in two bytes"}, {"050300 00", "a length beyond the end"}, {"05ffffffffffffffffff01", "a length of 2^64-1"},
		{"0601ff", "text that is not UTF-8"}, {"0603eda080", "a surrogate in UTF-8"}, {"0602c080", "an over-long UTF-8 form"}, {"0604f4908080", "a code point above U+10FFFF"},
		{"070200", "a list of two with one value"}, {"07ffffffffffffffffff01", "2^64-1 values"}, {"0702070100", "a list that ends in its second value"},
		{"0801 0601ff 00", "a key that is not UTF-8"}, {"0802 0302 00 0301 00", "keys out of order"}, {"0802 0301 00 0301 00", "one key twice"},
		{"0802 038101 00 038002 00", "keys in numeric, not in encoded order"}, {"0802 060162 00 06026161 00 00", "a byte after a map"}, {"0802 06026161 00 060162 00", "a longer text key before a shorter one"},
		{"0701 0802 060162 00 060161 00", "keys out of order inside a list"}, {"0801 0301", "a map without its value"},
		{strings.Repeat("0701", 64) + "0700", "65 lists inside one another"},
	} {
		s.Addf(fields{"parser": "can", "bytes": strings.ReplaceAll(c.data, " ", ""), "why": c.why}, "can %s", strings.ReplaceAll(c.data, " ", ""))
	}
	structRefusals(s)
	formRefusals(s)
	fieldRefusals(s)
	for _, c := range []struct{ query, why string }{
		{"", "no query"}, {"nonsense == 1", "a name that is not known"}, {"status ==", "half an expression"}, {"status == \"x\"", "a number compared with a text"},
		{"status == 1.5", "there are no floats"}, {"now() > 5", "a function that depends on the clock"}, {"status == 200 and\n nonsense", "the fault is in line 2"},
	} {
		s.Addf(fields{"parser": "query", "text": c.query, "why": c.why}, "query %q", c.query)
	}
	for _, c := range []struct{ text, why string }{
		{"nonsense r0\n", "an op that is not known"}, {".task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\nconst r0, $absent\nret r0\n", "a constant that is not defined"},
		{".task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\njmp @nowhere\n", "a label that is not defined"}, {".task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\nret r256\n", "a register above 255"},
		{hello + ".task #\"sym:main\" () budget { cpu 10 }\n", "a second task of the symbol"},
	} {
		s.Addf(fields{"parser": "program", "text": c.text, "why": c.why}, "program %q", c.why)
	}
	binaryRefusals(s)
	text := must(caps.ExportText(issue(alice, bob, calls(tool, 5), nil)))
	for _, c := range []struct{ text, why string }{
		{"", "nothing"}, {text[:len(text)-1], "cut off"}, {strings.Replace(text, "mythos1cap", "mythos2cap", 1), "another prefix"}, {swap(text), "two characters swapped"},
	} {
		s.Addf(fields{"parser": "capability", "text": c.text, "why": c.why}, "capability text, %s", c.why)
	}
	return s
}

// binaryRefusals are bundles, nodes and packets that are canonical, or nearly so, but invalid.
func binaryRefusals(s *set) {
	refuse := func(parser, why string, data []byte) {
		s.Addf(fields{"parser": parser, "bytes": hexOf(data), "why": why}, "%s, %s", parser, why)
	}
	bundle := must(asm.Assemble([]byte(hello)))
	change := func(f func(b *ir.Bundle)) []byte {
		b := must(object.Decode[ir.Bundle](bundle))
		f(b)
		return must(can.Marshal(b))
	}
	refuse("bundle", "null", can.AppendNull(nil))
	refuse("bundle", "an opcode that is not known", change(func(b *ir.Bundle) { b.Ops.Ops[0].Opcode = 0x99 }))
	refuse("bundle", "an operand too many", change(func(b *ir.Bundle) { b.Ops.Ops[1].Operands = append(b.Ops.Ops[1].Operands, ir.Reg(1)) }))
	refuse("bundle", "a constant that is not in the pool", change(func(b *ir.Bundle) { b.Ops.Ops[0].Operands[1] = ir.ConstRef(9) }))
	refuse("bundle", "a constant of 8193 bytes", change(func(b *ir.Bundle) {
		long := strings.Repeat("x", ir.MaxInline+1)
		b.ConstPool.Consts[0].Text = &long
	}))
	refuse("bundle", "another version", change(func(b *ir.Bundle) { b.Meta.Version = 1 }))
	h := object.SumText("value")
	node := func(kind uint8, v any) []byte {
		return must(can.Marshal(&merkle.Node{Version: 1, Kind: kind, Payload: must(can.Marshal(v))}))
	}
	two := []object.Hash{h, h}
	refuse("node", "version 2", must(can.Marshal(&merkle.Node{Version: 2, Kind: 1, Payload: must(can.Marshal(&merkle.ListLeaf{Values: two}))})))
	refuse("node", "an unknown kind", node(5, &merkle.ListLeaf{Values: two}))
	refuse("node", "1025 values", node(1, &merkle.ListLeaf{Values: slices.Repeat([]object.Hash{h}, 1025)}))
	refuse("node", "an internal node over what fits a leaf", node(2, &merkle.ListInternal{Children: two, Count: 2}))
	refuse("node", "fewer children than the count demands", node(2, &merkle.ListInternal{Children: two, Count: 5000}))
	refuse("node", "no chunks", node(3, &merkle.ChunkLeaf{ChunkSize: 8, Chunks: []merkle.Chunk{}}))
	refuse("node", "a short chunk before the last", node(3, &merkle.ChunkLeaf{ChunkSize: 8, Chunks: []merkle.Chunk{{Hash: h, Len: 7}, {Hash: h, Len: 8}}, TotalSize: 15}))
	refuse("node", "another total", node(3, &merkle.ChunkLeaf{ChunkSize: 8, Chunks: []merkle.Chunk{{Hash: h, Len: 8}}, TotalSize: 9}))
	refuse("node", "a total that does not fit the chunks", node(4, &merkle.ChunkInternal{ChunkSize: 8, Children: two, TotalSize: 8, ChunkCount: 2000}))
	packed := must(packet.Pack(packet.Options{Signers: []sign.Signer{alice}}, bundle))
	refuse("packet", "nothing", nil)
	refuse("packet", "an empty signature block's length beyond the end", append(slices.Clone(packed[:50+len(bundle)-4]), 0xff, 0xff, 0xff, 0xff))
	refuse("packet", "a signer twice", twiceSigned(packed))
}

// twiceSigned doubles the only entry of a packet's signature block.
func twiceSigned(packed []byte) []byte {
	n := int(binary.BigEndian.Uint32(packed[42:]))
	entries := must(can.Parse(packed[50+n:]))
	entries.List = append(entries.List, entries.List...)
	block := must(entries.Append(nil))
	return append(binary.BigEndian.AppendUint32(slices.Clone(packed[:46+n]), uint32(len(block))), block...)
}

// swap exchanges two different neighbours.
func swap(s string) string {
	b := []byte(s)
	for i := len(b) / 2; i+1 < len(b); i++ {
		if b[i] != b[i+1] {
			b[i], b[i+1] = b[i+1], b[i]
			break
		}
	}
	return string(b)
}

// structRefusals removes the first required field of every struct, replaces it by null and by a wrong type, and
// truncates the encoding.
func structRefusals(s *set) {
	for _, st := range catalog.All() {
		raw := must(sample.Object(st, sample.Options{}))
		refuse := func(id string, data []byte, why string) {
			s.Addf(fields{"parser": st.Name, "bytes": hexOf(data), "why": why}, "%s, %s", st.Name, id)
		}
		refuse("cut off", raw[:len(raw)-1], "the last byte is missing")
		refuse("trailing byte", append(bytes.Clone(raw), 0), "a byte follows")
		refuse("text key", must(can.MapOf([][2][]byte{{must(can.AppendText(nil, "a")), can.AppendNull(nil)}})), "keys of a struct are unsigned integers")
		for _, f := range st.Type().Fields {
			if f.Optional {
				continue
			}
			refuse(fmt.Sprintf("no field %d", f.Num), must(can.Without(raw, can.Mask{f.Num: nil})), f.Name+" is required")
			refuse(fmt.Sprintf("null in field %d", f.Num), replaceField(raw, f.Num, can.Value{}), "null stands for nothing here")
			break
		}
		if st.Rule.IDField != 0 {
			other := object.SumText("another id")
			refuse("another id", replaceField(raw, st.Rule.IDField, must(can.Parse(must(can.Marshal(&other))))), "the id is not that of the bytes")
		}
	}
	bad := object.Hash{Alg: 2}
	s.Add("Hash, algorithm 2", fields{"parser": "Hash", "bytes": hexOf(must(can.Marshal(&bad))), "why": "1 is SHA-256, and no other is known"})
}
