// Package explain walks from a thing to everything that it rests on, and verifies every link.
package explain

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/learn"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/model/why"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Explainer walks from a thing to everything that it rests on.
type Explainer struct {
	ID       *identity.Identity
	Store    *store.Store
	Gate     *exec.Gate
	Exec     *run.Executor
	Models   *registry.Registry
	Verifier *caps.Verifier
	Judge    *authority.Judge
	Toolbox  *toolbox.Toolbox
	Learn    *learn.Learner
	Packets  *packets.Packets
}

// Options say how much of the walk is shown and verified.
type Options struct {
	Width  int  // how many objects of one kind are shown
	Sample bool // verify only what is shown
}

// Why walks from a start down to everything that it rests on, verifying every link. A dataset that was built here is
// walked from the record of its build, and a run from its record. For a ring, decisions that a crash interrupted are
// finished first.
func (ex *Explainer) Why(ctx context.Context, start why.Start, o Options) (*why.Node, error) {
	if start.Ring != nil {
		if err := ex.Learn.Settle(ctx, *start.Ring); err != nil {
			return nil, err
		}
	} else if id, err := ex.Store.Ref(ctx, lookup.DatasetRefName(start.ID)); err == nil {
		start.ID = id
	} else if rec, err := ex.Exec.RunRecord(ctx, start.ID); err == nil && rec.RunID == start.ID {
		return ex.whyRun(ctx, rec, o)
	} else if !errors.Is(err, run.ErrNoRun) && err != nil {
		return nil, err
	}
	return why.Explain(ctx, ex.Resolver(), start, ex.Options(ctx, o))
}

func (ex *Explainer) Resolver() *why.Local {
	return &why.Local{Registry: ex.Models, Nodes: ex.Store.Nodes, BlobRef: ex.Store.BlobRef}
}

func (ex *Explainer) Options(ctx context.Context, o Options) why.Options {
	return why.Options{Trust: ex.Models.Trust,
		Approves: func(a object.AgentID, role string, id object.Hash, r *ledger.Receipt) bool {
			return ex.Judge.Approved(ctx, a, role, id, r)
		}, Caps: ex.Verifier, Then: func(id object.Hash, r *ledger.Receipt) caps.Past { return ex.Judge.Then(ctx, id, r) }, Width: o.Width, Sample: o.Sample,
		Use: func(tool object.Hash, request []byte) (scope.Use, bool) {
			use, err := ex.Gate.Use(ctx, tool, request)
			return use, err == nil
		},
		ToolName: func(id object.Hash) string { return ex.toolName(ctx, id) },
		Check: func(kind string, id object.Hash, raw []byte) error {
			return objects.Check(store.Object{ID: id, Kind: kind, Raw: raw})
		}}
}

// below walks from each start and adds what it finds below root.
func (ex *Explainer) below(ctx context.Context, root *why.Node, res why.Resolver, starts []why.Start, o Options) (*why.Node, error) {
	for _, s := range starts {
		child, err := why.Explain(ctx, res, s, ex.Options(ctx, o))
		if err != nil {
			return nil, err
		}
		root.Children = append(root.Children, child)
	}
	return root, nil
}

// whyRun walks from a run: its program, its result, and its episode or, without an episode, its receipts.
func (ex *Explainer) whyRun(ctx context.Context, rec *run.Record, o Options) (*why.Node, error) {
	root := &why.Node{Kind: "RunRecord", ID: rec.RunID, Label: fmt.Sprintf("run %s of task %s, %s", rec.RunID.Short(), rec.TaskID.Short(), rec.Time), Verified: true}
	if _, err := ex.below(ctx, root, ex.Resolver(), []why.Start{{ID: rec.BundleHash, Kind: why.KindBytes}, {ID: rec.ResultHash, Kind: why.KindBytes}}, o); err != nil {
		return nil, err
	}
	root.Children[0].Label, root.Children[1].Label = "program "+root.Children[0].Label, "result "+root.Children[1].Label
	if rec.EpisodeID != nil {
		return ex.below(ctx, root, ex.Resolver(), []why.Start{{ID: *rec.EpisodeID, Kind: "EpisodeRef"}}, o)
	}
	raw, err := ex.Store.Bytes(ctx, rec.Effects)
	if err != nil {
		root.Verified, root.Problem = false, fmt.Sprintf("its effects %s: %v", rec.Effects.Short(), err)
		return root, nil
	}
	effects, err := object.Decode[run.RecordedEffects](raw)
	if err != nil {
		return nil, fmt.Errorf("effects of run %s: %w", rec.RunID.Short(), err)
	}
	var starts []why.Start
	for _, e := range effects.Effects {
		if e.ReceiptID != nil {
			starts = append(starts, why.Start{ID: *e.ReceiptID, Kind: "Receipt"})
		}
	}
	return ex.below(ctx, root, ex.Resolver(), starts, o)
}

// toolName says if a tool is run by its harness, and by nobody here.
func (ex *Explainer) toolName(ctx context.Context, id object.Hash) string {
	name := ex.Toolbox.Name(ctx, id)
	if ex.Toolbox.Declared(ctx, id) {
		name += " (declared by its harness)"
	}
	return name
}
