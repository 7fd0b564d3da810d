package model

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Kinds that a Resolver knows beside the structs of the protocol.
const (
	KindBytes = "Bytes"      // a byte string under its SHA-256: a response, a chunk, a module
	KindNode  = "MerkleNode" // a node under its cid
	KindRing  = "Ring"       // where a walk may start; its node has the id of the newest record
)

// Resolver finds what a walk asks for. Nothing that it returns is believed: every
// object is verified against the id that it was asked for by.
type Resolver interface {
	// Raw returns an object of a kind. The error wraps store.ErrNotFound,
	// ledger.ErrNotFound or ErrNotFound when it is not here.
	Raw(ctx context.Context, kind string, id object.Hash) ([]byte, error)
	// Kind says of which kind the object with an id is; "" when it is not here.
	Kind(ctx context.Context, id object.Hash) (string, error)
	// Related lists ids of objects that are about id: of a model "train", "eval",
	// "EvalReport", "Attestation"; of an episode "Signal"; of a promotion, a hold, a
	// policy or an index's state "deploy", the receipts of the decision.
	Related(ctx context.Context, id object.Hash, kind string) ([]object.Hash, error)
	// Ring returns where a ring stands. The error wraps ErrNotFound when it is empty.
	Ring(ctx context.Context, ring uint8) (*Standing, error)
}

// Standing is where a ring stands, and what it stands under.
type Standing struct {
	RingState
	Policy *object.Hash // in force now; nil: none
	Hold   *object.Hash // the newest freeze or thaw; nil: none
}

// Start is where a walk begins: a ring, or an object.
type Start struct {
	Ring *uint8
	ID   object.Hash // without Ring
	Kind string      // of the object; "": as the Resolver says
}

// WhyOptions say whom to believe and how far to go. Zero bounds are the default ones.
type WhyOptions struct {
	Trust    Trust
	ToolName func(object.Hash) string // what people call a tool; nil: its id
	// Check verifies an object of a kind that rests on nothing which is followed: id,
	// field rules, signature. nil: such objects do not hold.
	Check    func(kind string, id object.Hash, raw []byte) error
	Caps     *caps.Verifier // judges the chains of receipts, each at the time of its receipt; nil: nobody issues anything
	Width    int            // children of one kind that are shown, default 3; the others are counted
	Sample   bool           // do not verify those others: only what is shown
	MaxDepth int            // default 32
	MaxNodes int            // that are verified, default 200000
}

// Node is one object on the way and the link that leads to it.
type Node struct {
	Kind     string      `json:"kind"`
	ID       object.Hash `json:"id"`
	Label    string      `json:"label"`
	Verified bool        `json:"verified"`          // the object and its link hold
	Problem  string      `json:"problem,omitempty"` // why not
	Seen     bool        `json:"seen,omitempty"`    // it was shown before, with its children
	Children []*Node     `json:"children,omitempty"`
	More     int         `json:"more,omitempty"`    // children that are not shown
	Checked  bool        `json:"checked,omitempty"` // those were verified, too
}

// Why walks from a ring or an object down to the capabilities and the chunks that it
// rests on, and verifies every link on the way: ring → promotion → model →
// attestations, reports, receipts → dataset → corpus → episode → receipts →
// capability → root issuer. Of many objects of one kind the first few are shown, and
// the others verified all the same: one that does not hold is shown, too. A link that does not hold is a Problem in the tree and
// no error ([FirstProblem] finds it); an error means that the walk itself failed.
func Why(ctx context.Context, res Resolver, start Start, o WhyOptions) (*Node, error) {
	if o.Width <= 0 {
		o.Width = 3
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 32
	}
	if o.MaxNodes <= 0 {
		o.MaxNodes = 200_000
	}
	if o.Caps == nil {
		o.Caps = &caps.Verifier{}
	}
	w := &walker{ctx: ctx, res: res, o: o, seen: map[string]*Node{}, hidden: map[*Node]bool{}}
	if start.Ring != nil {
		return w.ring(*start.Ring)
	}
	kind := start.Kind
	if kind == "" {
		var err error
		if kind, err = res.Kind(ctx, start.ID); damaged(err) {
			n := &Node{Kind: "Object", ID: start.ID, Label: start.ID.Short()}
			n.check(err)
			return n, nil
		} else if err != nil {
			return nil, err
		}
		if kind == "" {
			return nil, fmt.Errorf("%s: %w", start.ID, ErrNotFound)
		}
	}
	root := w.visit(kind, start.ID, 0)
	return root, w.err
}

// FirstProblem is the path from the root to the first node, in the order in which a
// tree is read, that does not hold; nil when all hold.
func FirstProblem(root *Node) []*Node {
	if root.Problem != "" {
		return []*Node{root}
	}
	for _, c := range root.Children {
		if path := FirstProblem(c); path != nil {
			return append([]*Node{root}, path...)
		}
	}
	return nil
}

// walker is one walk.
type walker struct {
	ctx   context.Context
	res   Resolver
	o     WhyOptions
	seen  map[string]*Node
	nodes int
	err   error // the walk cannot go on

	hiding int            // above 0: what is visited is not shown
	hidden map[*Node]bool // was visited and is not shown yet
}

// expander fills in a node from the object's bytes.
type expander func(w *walker, n *Node, raw []byte, depth int)

func expanderOf(kind string) expander {
	switch kind {
	case "PromotionRecord":
		return (*walker).promotion
	case "PolicyDef":
		return (*walker).policy
	case "ModelRef":
		return (*walker).model
	case aboutAttestation:
		return (*walker).attestation
	case aboutReport:
		return (*walker).report
	case "EvalSuiteDef":
		return (*walker).suite
	case "RecipeDef":
		return (*walker).recipe
	case "Receipt":
		return (*walker).receipt
	case "DatasetDef":
		return (*walker).datasetDef
	case "DatasetRef":
		return (*walker).datasetRef
	case "BlobRef":
		return (*walker).blobRef
	case KindNode:
		return (*walker).list
	case "EpisodeRef":
		return (*walker).episode
	case "Signal":
		return (*walker).signal
	case "Capability":
		return (*walker).capability
	case "IndexState":
		return (*walker).indexState
	case "RingHold":
		return (*walker).ringHold
	case KindBytes:
		return (*walker).bytes
	}
	return nil
}

// visit makes the node of an object and of what it rests on. Every object is
// expanded once.
func (w *walker) visit(kind string, id object.Hash, depth int) *Node {
	n := &Node{Kind: kind, ID: id, Label: id.Short()}
	key := kind + id.String()
	if old := w.seen[key]; old != nil {
		if w.hidden[old] {
			w.show(old)
			return old
		}
		n.Label, n.Verified, n.Problem, n.Seen = old.Label, old.Verified, old.Problem, true
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
	if expand := expanderOf(kind); expand != nil {
		expand(w, n, raw, depth+1)
	} else if w.o.Check == nil {
		n.fail("nothing is known about objects of kind %s", kind)
	} else if n.check(w.o.Check(kind, id, raw)) {
		w.made(n, depth+1)
	}
	return n
}

// made hangs the receipts of the effects that made an object below it, where they are
// here; they name it.
func (w *walker) made(n *Node, depth int) {
	w.some(n, "Receipt", w.related(n.ID, aboutDecision), depth, func(c *Node) {
		if r, _, err := w.opened(c.ID); err == nil && !slices.Contains(r.Evidence, n.ID) {
			c.fail("it does not name %s %s", n.Kind, n.ID.Short())
		}
	})
}

// note remembers the node that was made of an object.
func (w *walker) note(key string, n *Node) {
	w.seen[key] = n
	if w.hiding > 0 {
		w.hidden[n] = true
	}
}

// show makes what was visited in hiding a part of the tree that is shown.
func (w *walker) show(n *Node) {
	if w.hiding > 0 {
		return
	}
	delete(w.hidden, n)
	for _, c := range n.Children {
		w.show(c)
	}
}

// raw finds bytes; anything but their absence ends the walk.
func (w *walker) raw(kind string, id object.Hash) ([]byte, error) {
	if w.err == nil {
		w.err = w.ctx.Err()
	}
	if w.err != nil {
		return nil, w.err
	}
	raw, err := w.res.Raw(w.ctx, kind, id)
	if err == nil {
		return raw, nil
	}
	if notHere(err) {
		return nil, errNotHere
	}
	if !damaged(err) {
		w.err = err
	}
	return nil, err
}

// damaged reports whether an error says that what is here is not what it should be;
// with any other the walk cannot go on.
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

func notHere(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ErrNotFound)
}

// fail notes the first thing that is wrong with a node.
func (n *Node) fail(format string, args ...any) {
	n.Verified = false
	if n.Problem == "" {
		n.Problem = fmt.Sprintf(format, args...)
	}
}

// check fails with a problem, if there is one.
func (n *Node) check(err error) bool {
	if err != nil {
		n.fail("%v", err)
	}
	return err == nil
}

// add hangs an object below n.
func (w *walker) add(n *Node, kind string, id object.Hash, depth int) *Node {
	c := w.visit(kind, id, depth)
	n.Children = append(n.Children, c)
	return c
}

// some hangs the first of several objects below n; the others are verified and
// counted. also, if it is not nil, checks each.
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

// nth hangs what make gives below n if it is among the first width; otherwise it is
// verified and counted, and shown only if it does not hold.
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

// leaf hangs something below n that is no object of its own.
func (n *Node) leaf(kind string, id object.Hash, format string, args ...any) *Node {
	c := &Node{Kind: kind, ID: id, Label: fmt.Sprintf(format, args...), Verified: true}
	n.Children = append(n.Children, c)
	return c
}

// kind is the kind of an object that n names. One that is not here or damaged hangs
// below n as what does not hold, and has none.
func (w *walker) kind(n *Node, id object.Hash) string {
	kind, err := w.res.Kind(w.ctx, id)
	if err == nil && kind == "" {
		err = errNotHere
	}
	switch {
	case err == nil:
		return kind
	case damaged(err), errors.Is(err, errNotHere):
		n.leaf("Object", id, "%s", id.Short()).fail("%v", err)
	default:
		w.err = err
	}
	return ""
}

func (w *walker) related(id object.Hash, kind string) []object.Hash {
	ids, err := w.res.Related(w.ctx, id, kind)
	if err != nil && w.err == nil {
		w.err = err
	}
	return ids
}
