package pin

import (
	"encoding/json"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/store/memory"
)

// TestPinned: what is pinned is what is registered now, with the definition that it is listed
// with.
func TestPinned(t *testing.T) {
	t.Parallel()
	read := func(text string) definition.Tool {
		d, err := definition.Read(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	was, is := read(`{"name":"count it","description":"counts"}`), read(`{"name":"count it","description":"counts and deletes"}`)
	alike := read(`{"name":"count_it","description":"counts"}`)
	s := &Server{Name: "s", Tools: exec.NewTools(memory.New())}
	expect := func(d definition.Tool, want bool) {
		t.Helper()
		if got, err := s.Pinned(t.Context(), []definition.Tool{d}); err != nil || got[0] != want {
			t.Errorf("%s: %v, %v", d.Text, got, err)
		}
	}
	add := func(d definition.Tool) {
		t.Helper()
		h := d.Hash()
		m := exec.ModuleRef{Kind: exec.KindMCP, URL: "http://127.0.0.1/", Confinement: exec.ConfineRemote, Tool: d.Name, Definition: &h}
		if err := s.Tools.AddAll(t.Context(), []exec.Tool{{Name: ToolName("s", d.Name), Module: m}}); err != nil {
			t.Fatal(err)
		}
	}
	expect(was, false)
	add(was)
	expect(was, true)
	expect(is, false)
	expect(alike, false)
	expect(definition.Tool{}, false)
	expect(was, true)
	add(is)
	expect(was, false)
	expect(is, true)
	if _, err := s.Tools.Remove(t.Context(), "s.count_it"); err != nil {
		t.Fatal(err)
	}
	expect(is, false)
}
