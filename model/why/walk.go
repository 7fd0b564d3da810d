package why

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// walker is the state of one walk.
type walker struct {
	source
	seen   map[string]*Node
	follow map[string]expander
	nodes  int

	hiding int            // above 0: visited nodes are not shown
	hidden map[*Node]bool // visited and not yet shown
}

// expander fills in a node from the object's bytes.
type expander func(w *walker, n *Node, raw []byte, depth int)

// Follows reports whether [Explain] follows objects of a kind to their evidence.
func Follows(kind string) bool { return expanders()[kind] != nil }

// expanders has an entry for each kind with evidence.
func expanders() map[string]expander {
	return map[string]expander{
		"PromotionRecord":         (*walker).promotion,
		"PolicyDef":               (*walker).policy,
		"ModelRef":                (*walker).model,
		registry.AboutAttestation: (*walker).attestation,
		registry.AboutReport:      (*walker).report,
		"EvalSuiteDef":            (*walker).suite,
		"RecipeDef":               (*walker).recipe,
		"Receipt":                 (*walker).receipt,
		"DatasetDef":              (*walker).datasetDef,
		"DatasetRef":              (*walker).datasetRef,
		"BlobRef":                 (*walker).blobRef,
		KindNode:                  (*walker).node,
		"EpisodeRef":              (*walker).episode,
		"Signal":                  (*walker).signal,
		"Capability":              (*walker).capability,
		"IndexState":              (*walker).indexState,
		"RingHold":                (*walker).ringHold,
		KindBytes:                 (*walker).bytes,
	}
}

// visit makes the node of an object and of its evidence. It expands every object once.
func (w *walker) visit(kind string, id object.Hash, depth int) *Node {
	n := &Node{Kind: kind, ID: id, Label: id.Short()}
	key := kind + id.String()
	if old := w.seen[key]; old != nil {
		if w.hidden[old] {
			w.show(old)
			return old
		}
		n.Label, n.Verified, n.Problem, n.Notes, n.Seen = old.Label, old.Verified, old.Problem, old.Notes, true
		return n
	}
	if w.nodes++; w.nodes > w.o.MaxNodes || depth > w.o.MaxDepth {
		n.Label, n.Verified = n.Label+" (not followed: the walk is bounded)", true
		n.More = 1
		return n
	}
	w.note(key, n)
	raw, err := w.raw(kind, id)
	if err != nil {
		n.fail("%v", err)
		return n
	}
	n.Verified = true
	if expand := w.follow[kind]; expand != nil {
		expand(w, n, raw, depth+1)
	} else if w.o.Check == nil {
		n.fail("nothing is known about objects of kind %s", kind)
	} else if n.check(w.o.Check(kind, id, raw)) {
		w.made(n, depth+1)
	}
	return n
}

// made adds the receipts of the effects that made an object below it; the receipts that are here name it.
func (w *walker) made(n *Node, depth int) {
	w.some(n, "Receipt", w.receipts(n.ID, registry.AboutDecision), depth, func(c *Node) {
		if r, _, err := w.opened(c.ID); err == nil && !slices.Contains(r.Evidence, n.ID) {
			c.fail("it does not name %s %s", n.Kind, n.ID.Short())
		}
	})
}

// note remembers the node of an object.
func (w *walker) note(key string, n *Node) {
	w.seen[key] = n
	if w.hiding > 0 {
		w.hidden[n] = true
	}
}

// show makes a hidden node part of the shown tree.
func (w *walker) show(n *Node) {
	if w.hiding > 0 {
		return
	}
	delete(w.hidden, n)
	for _, c := range n.Children {
		w.show(c)
	}
}

// damaged reports whether an error means that stored data is invalid; after any other error the walk cannot continue.
func damaged(err error) bool {
	var decoding *can.Error
	if errors.As(err, &decoding) {
		return true
	}
	for _, kind := range []error{store.ErrCorrupt, object.ErrID, object.ErrInvalid, ledger.ErrEntry, sign.ErrSignature, merkle.ErrNode} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

var errNotHere = errors.New("it is not here")

// fail records the first problem of a node.
func (n *Node) fail(format string, args ...any) {
	n.Verified = false
	if n.Problem == "" {
		n.Problem = fmt.Sprintf(format, args...)
	}
}

// check fails with an error, if there is one.
func (n *Node) check(err error) bool {
	if err != nil {
		n.fail("%v", err)
	}
	return err == nil
}

// add adds an object below n.
func (w *walker) add(n *Node, kind string, id object.Hash, depth int) *Node {
	c := w.visit(kind, id, depth)
	n.Children = append(n.Children, c)
	return c
}

// some adds the first of several objects below n; it verifies and counts the others. also, if not nil, checks each.
func (w *walker) some(n *Node, kind string, ids []object.Hash, depth int, also func(*Node)) {
	for i, id := range ids {
		w.nth(n, i, w.o.Width, func() *Node {
			c := w.visit(kind, id, depth)
			if also != nil {
				also(c)
			}
			return c
		})
	}
}

// nth adds the node from visit below n if it is among the first width; otherwise it verifies and counts the node, and
// shows it only if it has a problem.
func (w *walker) nth(n *Node, i, width int, visit func() *Node) {
	if i < width {
		n.Children = append(n.Children, visit())
		return
	}
	if w.o.Sample {
		n.More++
		return
	}
	w.hiding++
	c := visit()
	w.hiding--
	if FirstProblem(c) != nil {
		w.show(c)
		n.Children = append(n.Children, c)
		return
	}
	n.More++
	n.Checked = true
}

// leaf adds something below n that is not an object of its own.
func (n *Node) leaf(kind string, id object.Hash, format string, args ...any) *Node {
	c := &Node{Kind: kind, ID: id, Label: fmt.Sprintf(format, args...), Verified: true}
	n.Children = append(n.Children, c)
	return c
}

// decoded loads and decodes an object, without further checks.
func decoded[T any](s *source, kind string, id object.Hash) (*T, error) {
	raw, err := s.raw(kind, id)
	if err != nil {
		return nil, err
	}
	return object.Decode[T](raw)
}

func sameID(got, want object.Hash) error {
	if got != want {
		return fmt.Errorf("%w: its bytes give %s", object.ErrID, got.Short())
	}
	return nil
}

// minute formats a time for people.
func minute(t object.Time) string { return t.Std().UTC().Format("2006-01-02 15:04Z") }
