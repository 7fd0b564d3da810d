package model_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	osexec "os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/show"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// tampering is a Resolver that records requests and may return other bytes for one object.
type tampering struct {
	why.Resolver
	asked  []string
	target string
	change func([]byte) ([]byte, error)
}

func (r *tampering) Raw(ctx context.Context, kind string, id object.Hash) ([]byte, error) {
	raw, err := r.Resolver.Raw(ctx, kind, id)
	if err != nil {
		return nil, err
	}
	name := kind + " " + id.String()
	if !slices.Contains(r.asked, name) {
		r.asked = append(r.asked, name)
	}
	if name == r.target {
		return r.change(bytes.Clone(raw))
	}
	return raw, nil
}

func promotedHouse(t *testing.T) (*house, object.Hash) {
	h := newHouse(t)
	m, n := h.trained(), h.trained("epochs", "9")
	h.evaluated(m)
	h.evaluated(n)
	h.promoted(m, 0)
	h.promoted(n, 0)
	return h, n
}

func walk(n *why.Node, fn func(*why.Node)) {
	fn(n)
	for _, c := range n.Children {
		walk(c, fn)
	}
}

func TestWhy(t *testing.T) {
	h, m := promotedHouse(t)
	n := h.why(why.Start{Ring: new(uint8)})
	if path := why.FirstProblem(n); path != nil {
		t.Fatalf("%s", show.Text(n))
	}
	kinds := map[string]int{}
	walk(n, func(n *why.Node) {
		kinds[n.Kind]++
		if !n.Verified {
			t.Errorf("%s %s is neither verified nor broken", n.Kind, n.Label)
		}
	})
	for _, kind := range []string{"Ring", "PromotionRecord", "PolicyDef", "ModelRef", "Attestation", "EvalReport", "EvalSuiteDef", "Receipt", "RecipeDef",
		"Manifest", "DatasetDef", "Corpus", "EpisodeRef", "Signal", "Capability", "AgentID", "BlobRef"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s on the way", kind)
		}
	}
	if text := show.Text(n); strings.Contains(text, show.MarkBroken) || !strings.Contains(text, "root issuer admin") || !strings.Contains(text, m.Short()) {
		t.Errorf("%s", text)
	}
	raw, err := n.JSON()
	var back why.Node
	if err != nil || json.Unmarshal(raw, &back) != nil || show.Text(&back) != show.Text(n) {
		t.Errorf("JSON: %v", err)
	}
	checkDOT(t, show.DOT(n))
	checkSVG(t, n)
	for _, line := range strings.Split(show.Text(n), "\n") {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("more than 80 columns: %q", line)
		}
	}
	for _, start := range []why.Start{{ID: m}, {ID: h.policies[0]}, {ID: h.suite}, {ID: h.def.DatasetDefID}, {ID: n.ID}} {
		if n := h.why(start); why.FirstProblem(n) != nil || n.ID != start.ID {
			t.Errorf("%s", show.Text(n))
		}
	}
}

// checkSVG reads the picture as XML: every node that is drawn is there.
func checkSVG(t *testing.T, root *why.Node) {
	t.Helper()
	boxes, nodes := 0, 0
	dec := xml.NewDecoder(strings.NewReader(show.SVG(root)))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("SVG: %v", err)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "rect" {
			boxes++
		}
	}
	walk(root, func(*why.Node) { nodes++ })
	if boxes != nodes {
		t.Errorf("%d boxes for %d nodes", boxes, nodes)
	}
}

// TestWhyVerifiesWhatIsNotShown changes a signal of the last episode of a dataset, far from the shown ones: the walk
// shows and names it.
func TestWhyVerifiesWhatIsNotShown(t *testing.T) {
	h, _ := promotedHouse(t)
	local := &why.Local{Registry: h.registry, Nodes: func(ctx context.Context) merkle.NodeReader { return h.store.Nodes(ctx) }}
	r := &tampering{Resolver: local}
	n, err := why.Explain(t.Context(), r, why.Start{Ring: new(uint8)}, h.fullOptions())
	h.ok(err)
	shown := map[string]bool{}
	walk(n, func(n *why.Node) { shown[n.Kind+" "+n.ID.String()] = true })
	tried := 0
	for _, name := range slices.Backward(r.asked) {
		if kind, _, _ := strings.Cut(name, " "); shown[name] || (kind != "Signal" && kind != "EpisodeRef" && kind != "Receipt") || tried == 6 {
			continue
		}
		tried++
		bad := &tampering{Resolver: local, target: name, change: func(b []byte) ([]byte, error) { b[len(b)-1] ^= 1; return b, nil }}
		n, err := why.Explain(t.Context(), bad, why.Start{Ring: new(uint8)}, h.fullOptions())
		h.ok(err)
		path := why.FirstProblem(n)
		if path == nil || path[len(path)-1].Kind+" "+path[len(path)-1].ID.String() != name {
			t.Errorf("%s: %s", name, show.Text(n))
		}
		if n, err = why.Explain(t.Context(), bad, why.Start{Ring: new(uint8)}, h.whyOptions()); err != nil || why.FirstProblem(n) != nil {
			t.Errorf("%s: a sample sees what it does not show: %v", name, err)
		}
	}
	if tried < 6 {
		t.Errorf("only %d objects are not shown", tried)
	}
}

// checkDOT lets Graphviz read the picture if it is installed; braces and quotes must be balanced in any case.
func checkDOT(t *testing.T, dot string) {
	t.Helper()
	if !strings.HasPrefix(dot, "digraph why {") || !strings.HasSuffix(dot, "}\n") || strings.Count(dot, `"`)%2 != 0 {
		t.Errorf("%.300s", dot)
	}
	if path, err := osexec.LookPath("dot"); err == nil {
		cmd := osexec.Command(path, "-Tsvg")
		cmd.Stdin = strings.NewReader(dot)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("dot: %v: %.300s", err, out)
		}
	}
}

// TestWhyNamesWhatDoesNotHold changes or removes, one after the other, every object that the walk reads: each time the
// walk names an invalid link.
func TestWhyNamesWhatDoesNotHold(t *testing.T) {
	h, _ := promotedHouse(t)
	local := &why.Local{Registry: h.registry, Nodes: func(ctx context.Context) merkle.NodeReader { return h.store.Nodes(ctx) }}
	honest := &tampering{Resolver: local}
	if n, err := why.Explain(t.Context(), honest, why.Start{Ring: new(uint8)}, h.whyOptions()); err != nil || why.FirstProblem(n) != nil {
		t.Fatal(err)
	}
	if len(honest.asked) < 30 {
		t.Fatalf("only %d objects were read", len(honest.asked))
	}
	changes := map[string]func([]byte) ([]byte, error){
		"first byte":  func(b []byte) ([]byte, error) { b[0] ^= 1; return b, nil },
		"middle byte": func(b []byte) ([]byte, error) { b[len(b)/2] ^= 0x10; return b, nil },
		"last byte":   func(b []byte) ([]byte, error) { b[len(b)-1] ^= 1; return b, nil },
		"cut short":   func(b []byte) ([]byte, error) { return b[:len(b)-1], nil },
		"gone":        func([]byte) ([]byte, error) { return nil, fmt.Errorf("object: %w", store.ErrNotFound) },
	}
	requests := map[string]bool{} // a missing request or response is not a problem
	for _, name := range honest.asked {
		requests[name] = strings.HasPrefix(name, why.KindBytes)
	}
	for how, change := range changes {
		for _, target := range honest.asked {
			if how == "gone" && requests[target] {
				continue
			}
			r := &tampering{Resolver: local, target: target, change: change}
			n, err := why.Explain(t.Context(), r, why.Start{Ring: new(uint8)}, h.whyOptions())
			if err != nil {
				t.Fatalf("%s, %s: %v", target, how, err)
			}
			path := why.FirstProblem(n)
			if path == nil {
				t.Errorf("%s, %s: nothing is broken", target, how)
				continue
			}
			if last := path[len(path)-1]; last.Problem == "" || !strings.Contains(show.Text(n), show.MarkBroken) {
				t.Errorf("%s, %s: %+v", target, how, last)
			}
		}
	}
}

// TestWhyTrustsNobody: without trust the walk names the untrusted agents.
func TestWhyTrustsNobody(t *testing.T) {
	h, _ := promotedHouse(t)
	local := &why.Local{Registry: h.registry, Nodes: func(ctx context.Context) merkle.NodeReader { return h.store.Nodes(ctx) }}
	for name, o := range map[string]why.Options{
		"not trusted for policies": {Trust: model.Trust{Receipt: only(executor)}, Caps: h.whyOptions().Caps},
		"not trusted for receipts": {Trust: model.Trust{Policy: only(admin)}, Caps: h.whyOptions().Caps},
		"is not trusted to issue":  {Trust: h.registry.Trust, Caps: &caps.Verifier{}},
	} {
		n, err := why.Explain(t.Context(), local, why.Start{Ring: new(uint8)}, o)
		h.ok(err)
		path := why.FirstProblem(n)
		if path == nil || !strings.Contains(path[len(path)-1].Problem, name) {
			t.Errorf("%s: %s", name, show.Text(n))
		}
	}
}

func TestWhyIsBounded(t *testing.T) {
	h, _ := promotedHouse(t)
	local := &why.Local{Registry: h.registry, Nodes: func(ctx context.Context) merkle.NodeReader { return h.store.Nodes(ctx) }}
	o := h.whyOptions()
	o.MaxNodes, o.Width = 8, 1
	n, err := why.Explain(t.Context(), local, why.Start{Ring: new(uint8)}, o)
	h.ok(err)
	all := 0
	walk(n, func(*why.Node) { all++ })
	if all > 40 || !strings.Contains(show.Text(n), "more") {
		t.Errorf("%d nodes", all)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := why.Explain(ctx, local, why.Start{Ring: new(uint8)}, o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := why.Explain(t.Context(), local, why.Start{ID: object.SumText("nothing")}, o); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := why.Explain(t.Context(), local, why.Start{Ring: ptr[uint8](9)}, o); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("%v", err)
	}
}
