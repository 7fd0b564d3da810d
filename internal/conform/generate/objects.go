package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/sample"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/object/tree"
)

// view is the JSON view of an object.
func view(s object.Struct, raw []byte) json.RawMessage { return must(object.ToJSON(s.Type(), raw)) }

func structNamed(name string) object.Struct {
	s, ok := catalog.Lookup(name)
	if !ok {
		panic("no struct " + name)
	}
	return s
}

// structs has every struct in full and without its optional fields, and every struct with an id also with an unknown
// field, which is part of the id.
func structs() *set {
	s := &set{Class: "structs", About: "every struct: its JSON view, its canonical bytes, its id and whether its signature holds"}
	for _, st := range catalog.All() {
		full := must(sample.Object(st, sample.Options{}))
		minimal := must(sample.Object(st, sample.Options{Minimal: true}))
		s.Add(st.Name+"/full", fields{"struct": st.Name, "value": view(st, full)})
		if string(minimal) != string(full) {
			s.Add(st.Name+"/minimal", fields{"struct": st.Name, "value": view(st, minimal)})
		}
	}
	addModules(s)
	for id, change := range map[string]func(*model.Attestation){"of an unknown claim": func(a *model.Attestation) { a.ClaimType = 9 },
		"without evidence": func(a *model.Attestation) { a.ClaimType, a.Evidence = model.ClaimEvalPass, nil }} {
		a := model.Attestation{SubjectHash: object.SumText("model"), ClaimType: model.ClaimEvalPass, Evidence: []object.Hash{object.SumText("suite")}, Signer: alice.Agent(), TimeObserved: object.Time(start)}
		change(&a)
		a.AttestationID = must(model.AttestationRule.IDOf(&a))
		a.Signature = must(sign.ID(alice, a.AttestationID))
		s.Add("Attestation/"+id, fields{"struct": "Attestation", "value": view(structNamed("Attestation"), must(can.Marshal(&a)))})
	}
	folder := model.ModelRef{Weights: tree.Ref(object.SumText("folder"), 42), Config: object.BlobRef{CID: object.SumText("config"), Size: 7, Media: model.ConfigMedia}, CodeHash: object.SumText("code")}
	_, raw, err := model.NewModel(folder)
	s.Add("ModelRef/weights that are a folder", fields{"struct": "ModelRef", "value": view(structNamed("ModelRef"), must(raw, err))})
	s.Sort()
	extended := must(sample.Object(structNamed("BlobRef"), sample.Options{Minimal: true}))
	s.Add("BlobRef/unknown field", fields{"struct": "BlobRef", "value": view(structNamed("BlobRef"), withField(extended, 900, can.AppendBool(nil, true)))})
	return s
}

// addModules adds the kinds of ModuleRef that the sample lacks.
func addModules(s *set) {
	pin := object.SumText(`{"name":"search"}`)
	hash := object.SumText("a server's binary")
	for _, one := range []struct {
		id string
		m  exec.ModuleRef
	}{
		{"http", exec.ModuleRef{Kind: exec.KindHTTP, URL: "https://example.org/items/{/id}", Method: "PUT", Confinement: exec.ConfineRemote,
			Headers: map[string]string{"Authorization": "Bearer env:TOKEN"}, Hosts: []string{"cdn.example.org"}, RedirectPaths: []string{"/v2/items"}}},
		{"mcp over HTTP", exec.ModuleRef{Kind: exec.KindMCP, URL: "https://example.org/mcp", Tool: "search", Confinement: exec.ConfineRemote, Definition: &pin}},
		{"confined script", exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &hash, Argv: []string{"/srv/report.py", "--format=json", "/srv/rates.csv"},
			Interpreter: []string{"/usr/bin/python3", "-u"}, Files: []exec.PinnedFile{{Path: "/srv/rates.csv", Hash: pin}, {Path: "/usr/bin/python3", Hash: hash}},
			Confinement: exec.ConfineLandlock, Env: []string{"REGION"}, Read: []string{"/lib", "/usr"}, Write: []string{"/srv/out"}}},
		{"where it is called", exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &hash, Argv: []string{"/srv/deploy"}, Confinement: exec.ConfineNone,
			Dir: ".", Env: []string{"DEPLOY_TOKEN"}, Caller: []string{"HOME", "PATH"}}},
		{"with a definition", exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &hash, Argv: []string{"/srv/deploy"}, Confinement: exec.ConfineLandlock, Definition: &pin}},
		{"declared", exec.ModuleRef{Kind: exec.KindDeclared, Tool: "Bash"}},
		{"a folder in, a folder out", exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &hash, Argv: []string{"/srv/build"}, Confinement: exec.ConfineLandlock,
			TakesTree: true, GivesTree: true}},
		{"mcp over stdio", exec.ModuleRef{Kind: exec.KindMCP, ModuleHash: &hash, Argv: []string{"/usr/bin/server"}, Tool: "search",
			Confinement: exec.ConfineNone, Definition: &pin}},
	} {
		s.Add("ModuleRef/"+one.id, fields{"struct": "ModuleRef", "value": view(structNamed("ModuleRef"), must(can.Marshal(&one.m)))})
	}
}

// withField adds a field to a struct's bytes.
func withField(raw []byte, num uint64, value []byte) []byte {
	v := must(can.Parse(raw))
	v.Pairs = append(v.Pairs, can.Pair{Key: can.Value{Tag: can.TagUint, Uint: num}, Value: must(can.Parse(value))})
	return must(v.Append(nil))
}

// ids has an id of every kind, and pairs of definitions that differ only in their names: their ids are equal.
func ids() *set {
	s := &set{Class: "ids", About: "ids and other hashes that stand for something; definitions that differ in their names alone have one id"}
	s.Add("hash of nothing", fields{"bytes": ""})
	s.Add("hash of bytes", fields{"bytes": "6d7974686f73"})
	s.Add("opaque tool", fields{"text": "tool:mythos.blob.put"})
	s.Add("opaque type", fields{"text": "type:mythos.any"})
	s.Add("key", fields{"agent_key": sample.Key.Agent().KeyHex()})
	tool, other := object.SumText("tool:sample"), object.SumText("tool:other")
	for _, key := range []string{"", "k", "deploy-2026-11-23"} {
		s.Addf(fields{"effect": fields{"tool_id": tool, "key": hexOf([]byte(key))}}, "effect with key %q", key)
	}
	s.Add("attempt 1 of an effect", fields{"effect": fields{"tool_id": tool, "key": hexOf([]byte("k")), "fence": 1}})
	s.Add("attempt 258 of an effect", fields{"effect": fields{"tool_id": tool, "key": hexOf([]byte("k")), "fence": 258}})
	s.Add("effect of another tool", fields{"effect": fields{"tool_id": other, "key": hexOf([]byte("k"))}})
	s.Add("context of a run", fields{"run": fields{"bundle_id": tool, "task_id": other}})
	for i := range 3 {
		s.Addf(fields{"sampling": fields{"seed": tool, "id": object.SumText(fmt.Sprint(i))}}, "sampling rank %d", i)
	}
	for _, st := range catalog.All() {
		if st.Rule.Mask == nil && !slices.Contains([]string{"TypeDef", "ContractDef", "ToolDef", "SymbolSig", "TaskDef"}, st.Name) {
			continue
		}
		for variant := range 2 {
			raw := must(sample.Object(st, sample.Options{Variant: variant}))
			s.Addf(fields{"object": fields{"struct": st.Name, "value": view(st, raw)}}, "%s %d", st.Name, variant)
			if renamed, ok := rename(st, raw); ok {
				s.Addf(fields{"object": fields{"struct": st.Name, "value": view(st, renamed)}}, "%s %d under another name", st.Name, variant)
			}
			if st.Rule.Mask != nil {
				s.Addf(fields{"object": fields{"struct": st.Name, "value": view(st, withField(raw, 900, can.AppendUint(nil, 1)))}}, "%s %d with an unknown field", st.Name, variant)
			}
		}
	}
	return s
}

// rename changes the name of a definition.
func rename(st object.Struct, raw []byte) ([]byte, bool) {
	f, ok := st.Type().FieldByName("name")
	if !ok {
		return nil, false
	}
	v := must(can.Parse(raw))
	for i, p := range v.Pairs {
		if p.Key.Uint == f.Num {
			v.Pairs[i].Value = can.Value{Tag: can.TagText, Bytes: []byte("another.name")}
			return must(v.Append(nil)), true
		}
	}
	return nil, false
}

func lists() *set {
	s := &set{Class: "lists", About: "MerkleLists whose value number i, from 0, is SHA-256(u64be(i))"}
	for _, n := range []uint64{0, 1, 2, 3, 1023, 1024, 1025, 2047, 2048, 2049, 1<<20 - 1, 1 << 20, 1<<20 + 1, 1<<20 + 1024, 1<<20 + 1025} {
		s.Addf(fields{"count": n}, "%d values", n)
	}
	return s
}

func blobs() *set {
	s := &set{Class: "blobs", About: "blobs of synthetic bytes: word number i, from 1, is the SplitMix64 mix of seed + i*0x9e3779b97f4a7c15, little-endian"}
	for _, size := range []uint64{0, 1, merkle.MaxUnchunked, merkle.MaxUnchunked + 1} {
		s.Addf(fields{"size": size, "chunk_size": merkle.DefaultChunkSize, "seed": 1}, "%d bytes", size)
	}
	for _, chunk := range []uint64{256 << 10, 1 << 20, 4 << 20, 16 << 20} {
		for _, size := range []uint64{chunk - 1, chunk, chunk + 1, 2 * chunk, 1025*chunk + 1} {
			s.Addf(fields{"size": size, "chunk_size": chunk, "seed": 1}, "%d bytes in chunks of %d", size, chunk)
		}
	}
	return s
}

// nodes stores the nodes of a tree.
type nodes map[object.Hash][]byte

func (n nodes) PutNode(cid object.Hash, data []byte) error {
	n[cid] = append([]byte{}, data...)
	return nil
}

func (n nodes) Node(cid object.Hash) ([]byte, error) { return n[cid], nil }

func value(i uint64) object.Hash { return object.Sum(binary.BigEndian.AppendUint64(nil, i)) }

// proofs has valid proofs, and each possible fault of one.
func proofs() *set {
	s := &set{Class: "proofs", About: "proofs of list values and chunks, and what is shown that they do not prove"}
	n := nodes{}
	l := merkle.NewListBuilder(n)
	for i := range uint64(5) {
		must(0, l.Add(value(i)))
	}
	root := must(l.Finish())
	tree := must(merkle.OpenList(n, root.CID))
	proof := must(can.Marshal(must(tree.ProveValue(3))))
	at := func(root object.Hash, index uint64, proof []byte, v object.Hash) fields {
		return fields{"root": root, "index": index, "proof": hexOf(proof), "value": v}
	}
	s.Add("value", at(root.CID, 3, proof, value(3)))
	s.Add("another value", at(root.CID, 3, proof, value(4)))
	s.Add("another index", at(root.CID, 2, proof, value(3)))
	s.Add("another root", at(value(9), 3, proof, value(3)))
	s.Add("beyond the end", at(root.CID, 5, must(can.Marshal(&merkle.ListProof{CID: root.CID, Index: 5, Nodes: must(tree.ProveValue(3)).Nodes})), value(3)))
	s.Add("no nodes", at(root.CID, 3, must(can.Marshal(&merkle.ListProof{CID: root.CID, Index: 3, Nodes: [][]byte{}})), value(3)))
	twice := must(tree.ProveValue(3)).Nodes
	s.Add("a node too many", at(root.CID, 3, must(can.Marshal(&merkle.ListProof{CID: root.CID, Index: 3, Nodes: append(twice, twice...)})), value(3)))
	s.Add("trailing byte", at(root.CID, 3, append(slices.Clone(proof), 0), value(3)))
	s.Add("cut off", at(root.CID, 3, proof[:len(proof)-1], value(3)))
	flipped := slices.Clone(proof)
	flipped[len(flipped)-1] ^= 1
	s.Add("one bit of a node", at(root.CID, 3, flipped, value(3)))
	chunkProofs(s)
	deepProofs(s)
	return s
}

// deepProofs are of several nodes: the last values of trees whose last nodes are small.
func deepProofs(s *set) {
	for _, c := range []struct {
		count uint64
		what  string
	}{{1025, "two nodes"}, {1<<20 + 1, "two nodes, a leaf promoted to the root"}, {1<<20 + 1025, "three nodes"}} {
		n := nodes{}
		l := merkle.NewListBuilder(n)
		for i := range c.count {
			must(0, l.Add(value(i)))
		}
		root := must(l.Finish())
		last := c.count - 1
		proof := must(must(merkle.OpenList(n, root.CID)).ProveValue(last))
		show := func(why string, index uint64, change func(p *merkle.ListProof), v object.Hash) {
			p := *proof
			p.Nodes = slices.Clone(proof.Nodes)
			if change != nil {
				change(&p)
			}
			s.Addf(fields{"root": root.CID, "index": index, "proof": hexOf(must(can.Marshal(&p))), "value": v}, "%s: %s", c.what, why)
		}
		show("it holds", last, nil, value(last))
		show("another value", last, nil, value(0))
		show("the index before", last-1, func(p *merkle.ListProof) { p.Index-- }, value(last-1))
		show("the nodes in reverse", last, func(p *merkle.ListProof) { slices.Reverse(p.Nodes) }, value(last))
		show("without the first node", last, func(p *merkle.ListProof) { p.Nodes = p.Nodes[1:] }, value(last))
		show("without the last node", last, func(p *merkle.ListProof) { p.Nodes = p.Nodes[:len(p.Nodes)-1] }, value(last))
		show("a node twice", last, func(p *merkle.ListProof) { p.Nodes = append(p.Nodes, p.Nodes[len(p.Nodes)-1]) }, value(last))
	}
}

// views are texts of the JSON view, and of YAML, without a struct.
func views() *set {
	s := &set{Class: "views", About: "texts of the untyped view, JSON or YAML: their canonical bytes, or that they are refused"}
	for _, text := range []string{
		`"text"`, `""`, `5`, `0`, `-5`, `18446744073709551615`, `-9223372036854775808`, `true`, `false`, `null`, `[]`, `{}`, `{"$b":"00ff"}`, `{"$i":"5"}`, `{"$u":"5"}`,
		`{"$m":[[1,2],["a",{"$b":""}]]}`, `{"b":1,"a":[null]}`, `"\u0085"`, `"\u007f\ufffe\uffff\ufeff"`, `"\ud83d\ude00"`, "a: 1\nb: [x, 'y']\n", "plain words", "- 1\n- -2\n",
		`-0`, `007`, `-01`, `+5`, `1.0`, `1e3`, `18446744073709551616`, `-9223372036854775809`, `{"$i":"007"}`, `{"$u":"-0"}`, `{"$b":"0"}`, `{"$b":5}`, `{"$x":1}`, `{"$m":[[1]]}`,
		`{"$m":[[1,2],[1,3]]}`, `{"a":1,"a":2}`, `"\ud800"`, `"\udc00x"`, `["\ud800\ud800"]`, `[1,]`, `{"a":1} 2`, "a: &x 1\nb: *x\n", "a: 1\na: 2\n", "a: 1.5\n", "1: 2\n---\n3\n", ``,
	} {
		s.Addf(fields{"text": text}, "%q", text)
	}
	return s
}

// chunkProofs proves chunks of a blob in chunks of 16 bytes: such sizes are
// accepted on verifying.
func chunkProofs(s *set) {
	n := nodes{}
	b := merkle.NewChunkBuilder(16, n)
	chunk := func(i int) []byte { return fmt.Appendf(nil, "%016d", i)[:16-5*(i/2)] }
	for i := range 3 {
		must(0, b.Add(merkle.Chunk{Hash: object.Sum(chunk(i)), Len: uint32(len(chunk(i)))}))
	}
	root := must(b.Finish())
	tree := must(merkle.OpenChunks(n, root.CID))
	for i := range uint64(3) {
		proof := must(can.Marshal(must(tree.ProveChunk(i))))
		s.Addf(fields{"root": root.CID, "index": i, "proof": hexOf(proof), "chunk": hexOf(chunk(int(i)))}, "chunk %d", i)
		s.Addf(fields{"root": root.CID, "index": i, "proof": hexOf(proof), "chunk": hexOf(append(chunk(int(i)), 0))}, "chunk %d and a byte", i)
		s.Addf(fields{"root": root.CID, "index": i, "proof": hexOf(proof), "chunk": hexOf(chunk(int(i+1) % 3))}, "chunk %d, another's bytes", i)
	}
	proof := must(can.Marshal(must(tree.ProveChunk(0))))
	s.Add("a chunk shown as a value", fields{"root": root.CID, "index": 0, "proof": hexOf(proof), "value": object.Sum(chunk(0))})
}
