package dataset

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// vectorIDs are the episode ids of the public vectors MERKLE_001 and DATASET_001, in the pack's own, not ascending
// order.
var vectorIDs = []string{
	"67d557da970465666e83093be04ce9cdc6682b0260cfbcbf8da20682469781ae",
	"f56865fef7726a425116631e69a89fd76357b5ba56e4fcd4e1fe70e8242b666e",
	"c4d1e7d4193f302822548ddd0490cf478665b89a690c7370bddddf319cf474fe",
	"b3d69e81980c86a35afbec10431e2b32f5595207166ff836e14bd069c423af3d",
	"caf6b705db1d0ebf33ce8e69fe54e767b9f57711b621bb2ca0aafa92929545e7",
	"7577b546314199e15af12d021ac364196a1b35c411c787e3a7b059f634445c77",
	"07d8f63a2e2fc1caeb9d8f5a46f80fd7f2a9790534fe7c4a983cac9e5ccce32f",
	"00e5ea7846f1a53606d0e9e77b0180f85aee8a9a0aa5cb5eb1bee1af32b8dd43",
	"a1fb251334e60030f9b8042ddffef0651c6326a0962ce770e6dddb65f6f44db2",
	"cec98247d938f92a8428a075f95b4dba8b9828af64c7c4ec8c0a5501e8259a27",
}

// The bytes of DATASET_001.
const (
	vectorCorpus   = "af3a30050b542dcba9903f244280ea6c0f3797eb56869f278b2a7df90cf237d4"
	vectorSeed     = "eb01f31f0897f7134ff3b2076f80f1751c8d4f2b44455bd102aedcd487e92303"
	vectorDefID    = "657359c72deb1a8393b0bc47474e324e7f0d55963df458d053f2232bf0d251f4"
	vectorManifest = "b62391afb835b9fc8649105413c94d9e6090c97103eb7bc10a46e9be4c60c073"
	vectorDef      = "08040301080203010301030205206573" + "59c72deb1a8393b0bc47474e324e7f0d55963df458d053f2232bf0d251f40302" +
		"070108020301030103020520" + vectorCorpus + "0303080203010802030103010302" + "0520" + "3a3409c826ae4331" +
		"1e3a975b7f8b762e8dca1ffa19035ab00b67b4a49c4389120302080103010301" + "03040803030103030302030503030802030103010302" + "0520" + vectorSeed
)

func vectorHashes(t *testing.T) (ids []object.Hash) {
	for _, s := range vectorIDs {
		ids = append(ids, mustHash(t, s))
	}
	return ids
}

// TestPublishedVector rebuilds DATASET_001 of the public conformance pack.
func TestPublishedVector(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	corpus := list(t, w.store, vectorHashes(t))
	if corpus.String() != vectorCorpus {
		t.Fatalf("corpus root %s", corpus)
	}
	n := uint64(5)
	def, raw, err := NewDef(DatasetDef{CorpusRoots: []object.Hash{corpus}, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}},
		Sampling: SamplingDef{Mode: SampleHashN, N: &n, Seed: mustHash(t, vectorSeed)}})
	if err != nil {
		t.Fatal(err)
	}
	if got := def.DatasetDefID.String(); got != vectorDefID {
		t.Errorf("definition id %s", got)
	}
	if got := hex.EncodeToString(raw); got != vectorDef {
		t.Errorf("definition\n%s, expected\n%s", got, vectorDef)
	}
	built, err := Build(ctx, w.store, w.src, def)
	if err != nil {
		t.Fatal(err)
	}
	if m := built.Manifest; m.CID.String() != vectorManifest || m.Size != 231 || m.Chunks != 0 || m.Codec != object.CodecRaw || m.Media != MediaManifest {
		t.Errorf("manifest %+v", m)
	}
	if len(built.Warnings) != 1 || built.Seen != 10 || built.Kept != 10 || built.Count() != 5 {
		t.Errorf("%d seen, %d kept, %d selected, warnings %q", built.Seen, built.Kept, built.Count(), built.Warnings)
	}
	if _, err := OpenDef(raw); err != nil {
		t.Error(err)
	}
}

// TestPublishedPack compares with the pack's own files if they are available.
func TestPublishedPack(t *testing.T) {
	dir := os.Getenv("MYTHOS_CTVP")
	if dir == "" {
		t.Skip("MYTHOS_CTVP names no conformance pack")
	}
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(dir, "vectors", "dataset", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	w := newWorld(t)
	list(t, w.store, vectorHashes(t))
	def, _, err := ParseDef(read("dataset_001_def.bin"), Names{})
	if err != nil {
		t.Fatal(err)
	}
	built, err := Build(context.Background(), w.store, w.src, def)
	if err != nil {
		t.Fatal(err)
	}
	node, err := w.store.Nodes(context.Background()).Node(built.Manifest.CID)
	if err != nil || !slices.Equal(node, read("dataset_001_manifest_rootnode.bin")) {
		t.Errorf("manifest node %x: %v", node, err)
	}
	var want struct {
		IDs []string `json:"selected_episode_ids"`
	}
	if err := json.Unmarshal(read("dataset_001_selected.json"), &want); err != nil {
		t.Fatal(err)
	}
	for i, id := range built.IDs {
		if id.String() != want.IDs[i] {
			t.Errorf("id %d is %s, expected %s", i, id, want.IDs[i])
		}
	}
}
