// Package why walks from a ring, a model, a dataset or a receipt down to what it rests on,
// and verifies every link on the way. [Explain] gives the tree, package internal/show draws
// it; [LineageOf] gathers where a model comes from and what became of it.
//
// Nothing is believed because it is in the store: objects are held to their ids, signatures
// are checked, and whom to trust is an argument ([Options]).
package why

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
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
	model.RingState
	Policy *object.Hash // in force now; nil: none
	Hold   *object.Hash // the newest freeze or thaw; nil: none
}

// Start is where a walk begins: a ring, or an object.
type Start struct {
	Ring *uint8
	ID   object.Hash // without Ring
	Kind string      // of the object; "": as the Resolver says
}

// Options say whom to believe and how far to go. Zero bounds are the default ones.
type Options struct {
	Trust model.Trust
	// Approves says whether an approval of somebody counted for a role when a receipt was signed.
	Approves func(agent object.AgentID, role string, receipt object.Hash, r *ledger.Receipt) bool
	ToolName func(object.Hash) string // what people call a tool; nil: its id
	// Check verifies an object of a kind that rests on nothing which is followed: id,
	// field rules, signature. nil: such objects do not hold.
	Check func(kind string, id object.Hash, raw []byte) error
	// Blob looks at a blob instead of the walk, which reads all of it; an error ends the walk.
	Blob func(object.BlobRef) error
	// Use is what a request to a built-in tool needs; false: what a call of the tool does.
	// Nil: always that.
	Use  func(tool object.Hash, request []byte) (scope.Use, bool)
	Caps *caps.Verifier // judges the chains of receipts; nil: nobody issues anything
	// Then says what counted when a receipt, given with its id, was signed; nil: what
	// Caps trusts now.
	Then     func(id object.Hash, r *ledger.Receipt) caps.Past
	Width    int  // children of one kind that are shown, default 3; the others are counted
	Sample   bool // do not verify those others: only what is shown
	MaxDepth int  // default 32
	MaxNodes int  // that are verified, default 200000
}

// Node is one object on the way and the link that leads to it.
type Node struct {
	Kind     string      `json:"kind"`
	ID       object.Hash `json:"id"`
	Label    string      `json:"label"`
	Verified bool        `json:"verified"`          // the object and its link hold
	Problem  string      `json:"problem,omitempty"` // why not
	Notes    []string    `json:"notes,omitempty"`   // what has changed since, and does not matter: a later revocation
	Seen     bool        `json:"seen,omitempty"`    // it was shown before, with its children
	Children []*Node     `json:"children,omitempty"`
	More     int         `json:"more,omitempty"`    // children that are not shown
	Checked  bool        `json:"checked,omitempty"` // those were verified, too
}

// Explain walks from a ring or an object down to the capabilities and the chunks that it
// rests on, and verifies every link on the way: ring → promotion → model →
// attestations, reports, receipts → dataset → corpus → episode → receipts →
// capability → root issuer. Of many objects of one kind the first few are shown, and
// the others verified all the same: one that does not hold is shown, too. A link that does not hold is a Problem in the tree and
// no error ([FirstProblem] finds it); an error means that the walk itself failed.
func Explain(ctx context.Context, res Resolver, start Start, o Options) (*Node, error) {
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
	w := &walker{source: source{ctx: ctx, res: res, o: o}, seen: map[string]*Node{}, follow: expanders(), hidden: map[*Node]bool{}}
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
			return nil, fmt.Errorf("%s: %w", start.ID, model.ErrNotFound)
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
