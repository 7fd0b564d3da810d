package pin

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/object"
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

// TestPinnedMany: of many tools at once no more counts as pinned than one after another.
func TestPinnedMany(t *testing.T) {
	t.Parallel()
	s := &Server{Name: "s", Tools: exec.NewTools(memory.New())}
	var listed []definition.Tool
	var add []exec.Tool
	for i := range 3 * many {
		d, err := definition.Read(fmt.Appendf(nil, `{"name":"tool %d","description":"does %d"}`, i, i))
		if err != nil {
			t.Fatal(err)
		}
		h := d.Hash()
		m := exec.ModuleRef{Kind: exec.KindMCP, URL: "http://127.0.0.1/", Confinement: exec.ConfineRemote, Tool: d.Name, Definition: &h}
		switch i % 4 {
		case 1: // under another definition
			other := object.SumText("other")
			m.Definition = &other
		case 2: // another tool has its name here
			m.Tool = fmt.Sprintf("tool_%d", i)
		}
		if listed = append(listed, d); i%4 != 3 {
			add = append(add, exec.Tool{Name: ToolName("s", d.Name), Module: m})
		}
	}
	if err := s.Tools.AddAll(t.Context(), add); err != nil {
		t.Fatal(err)
	}
	for range 2 { // read, and remembered
		for _, list := range [][]definition.Tool{listed, listed[:1], listed[1:2], listed[2:3], listed[3:4]} {
			got, err := s.Pinned(t.Context(), list)
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range list {
				if want := number(t, d)%4 == 0; got[i] != want {
					t.Errorf("%s of %d: %v", d.Name, len(list), got[i])
				}
			}
		}
	}
	if _, err := s.Tools.Remove(t.Context(), add[0].Name); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Pinned(t.Context(), listed); err != nil || got[0] || !got[4] {
		t.Errorf("one that was removed: %v, the next one: %v, %v", got[0], got[4], err)
	}
}

func number(t *testing.T, d definition.Tool) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(d.Name, "tool %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
