// Package why walks from a ring, a model, a dataset or a receipt down to its evidence, and verifies every link on the
// way. [Explain] returns the tree, and package internal/show draws it. [LineageOf] gathers the origin and the later use
// of a model.
//
// Data in the store is not trusted: objects are checked against their ids, signatures are verified, and trust is an
// argument ([Options]).
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

// Kinds that a Resolver knows besides the structs of the protocol.
const (
	KindBytes = "Bytes"      // a byte string under its SHA-256: a response, a chunk, a module
	KindNode  = "MerkleNode" // a node under its cid
	KindRing  = "Ring"       // a start of a walk; its node has the id of the newest record
)

// Resolver finds the objects of a walk. Its results are not trusted: every object is verified against the requested id.
type Resolver interface {
	// Raw returns an object of a kind. The error wraps store.ErrNotFound,
	// ledger.ErrNotFound or ErrNotFound when it is not here.
	Raw(ctx context.Context, kind string, id object.Hash) ([]byte, error)
	// Kind returns the kind of the object with an id; "" if it is not here.
	Kind(ctx context.Context, id object.Hash) (string, error)
	// Related lists ids of objects that are about id: of a model "train", "eval",
	// "EvalReport", "Attestation"; of an episode "Signal"; of a promotion, a hold, a
	// policy or an index's state "deploy", the receipts of the decision.
	Related(ctx context.Context, id object.Hash, kind string) ([]object.Hash, error)
	// Ring returns the state of a ring. The error wraps ErrNotFound if it is empty.
	Ring(ctx context.Context, ring uint8) (*Standing, error)
}

// Standing is the state of a ring with its policy and hold.
type Standing struct {
	model.RingState
	Policy *object.Hash // in force now; nil: none
	Hold   *object.Hash // the newest freeze or thaw; nil: none
}

// Start is where a walk begins: a ring, or an object.
type Start struct {
	Ring *uint8
	ID   object.Hash // without Ring
	Kind string      // of the object; "": ask the Resolver
}

// Options say whom to trust and how far to walk. Zero bounds mean the defaults.
type Options struct {
	Trust model.Trust
	// Approves reports whether somebody's approval counted for a role when a receipt was signed.
	Approves func(agent object.AgentID, role string, receipt object.Hash, r *ledger.Receipt) bool
	ToolName func(object.Hash) string // a tool's name for people; nil: its id
	// Check verifies an object of a kind whose evidence is not followed: id, field rules, signature. nil: such objects
	// are problems.
	Check func(kind string, id object.Hash, raw []byte) error
	// Blob replaces the walk's check of a blob, which reads all of it; an error ends the walk.
	Blob func(object.BlobRef) error
	// Use returns the authority that a request to a built-in tool needs; false: that of a call of the tool. Nil: always
	// that.
	Use  func(tool object.Hash, request []byte) (scope.Use, bool)
	Caps *caps.Verifier // judges the chains of receipts; nil: nobody may issue anything
	// Then returns the trust at the time when a receipt, given with its id, was signed; nil: Caps' present trust.
	Then     func(id object.Hash, r *ledger.Receipt) caps.Past
	Width    int  // shown children of one kind, default 3; the others are counted
	Sample   bool // verify only what is shown, not the others
	MaxDepth int  // default 32
	MaxNodes int  // verified nodes, default 200000
}

// Node is one object of a walk, with the link to it.
type Node struct {
	Kind     string      `json:"kind"`
	ID       object.Hash `json:"id"`
	Label    string      `json:"label"`
	Verified bool        `json:"verified"`          // the object and its link are valid
	Problem  string      `json:"problem,omitempty"` // why not
	Notes    []string    `json:"notes,omitempty"`   // later changes that do not matter: a later revocation
	Seen     bool        `json:"seen,omitempty"`    // it was shown before, with its children
	Children []*Node     `json:"children,omitempty"`
	More     int         `json:"more,omitempty"`    // number of children that are not shown
	Checked  bool        `json:"checked,omitempty"` // they were verified, too
}

// Explain walks from a ring or an object down to its capabilities and chunks, and verifies every link on the way: ring
// → promotion → model → attestations, reports, receipts → dataset → corpus → episode → receipts → capability → root
// issuer. Of many objects of one kind it shows the first few, but verifies the others, too, and shows any with a
// problem. An invalid link is a Problem in the tree and not an error ([FirstProblem] finds it); an error means that the
// walk itself failed.
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

// FirstProblem is the path from the root to the first node with a problem, in reading order; nil if there is none.
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
