package run

import (
	"reflect"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// TestCompiledCallIsItsBytes: a call runs from the built bundle and not from its bytes, so the two must be the same.
func TestCompiledCallIsItsBytes(t *testing.T) {
	cid := object.SumText("a request")
	key, err := sign.Generate("self")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]CallSpec{
		"plain":     {Tool: exec.BuiltinTool("blob.put"), Request: []byte("x")},
		"empty":     {Tool: exec.BuiltinTool("blob.put")},
		"key, caps": {Tool: exec.BuiltinTool("blob.put"), Request: []byte("x"), Key: []byte("k"), Caps: []object.Hash{object.SumText("a"), object.SumText("b")}, EmitTrace: true},
		"blob":      {Tool: exec.BuiltinTool("blob.put"), blob: &cid},
	} {
		s.Author = key.Agent()
		built, raw, err := compileCall(s)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := ir.Check(built, raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		read, _, err := ir.Validate(raw)
		if err != nil {
			t.Fatal(name, err)
		}
		if id, err := ir.BundleID(raw); err != nil || id != built.Meta.ArtifactID {
			t.Errorf("%s: its id is %s, its bytes give %s, %v", name, built.Meta.ArtifactID, id, err)
		}
		id := built.Tasks.Tasks[0].TaskID
		if read.Tasks.Tasks[0].TaskID != id || read.Entry(read.Tasks.Tasks[0].EntrySymbol) != 0 {
			t.Errorf("%s: the task is another one, or does not begin at op 0", name)
		}
		if one, other := vm.New(built, id, &built.Tasks.Tasks[0]), vm.New(read, id, &read.Tasks.Tasks[0]); !reflect.DeepEqual(one, other) {
			t.Errorf("%s: built %+v\nread %+v", name, one, other)
		}
	}
	if _, _, err := ir.Validate(nil); err == nil {
		t.Error("no bytes are a valid bundle")
	}
}
