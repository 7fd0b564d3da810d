package upkeep

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/fsck"
)

// KindReference is the kind of a finding about something that an object refers to
// and that is not here. It may never have been: objects travel without their parts, too.
const KindReference = "reference"

// KindPage is the kind of a finding about a page of values that selections read (package dataset/pages).
const KindPage = "page"

// Checked counts what Fsck read.
type Checked struct {
	fsck.Checked
	Pages uint64
}

// Fsck checks the store, every object by the rules of its kind, what objects
// refer to, and the indexes and pages made of them; report is told what is wrong, and looked, which may be nil, how many
// things were looked at since it was last called. See store.Fsck for costs and errors.
func (u *Upkeep) Fsck(ctx context.Context, report func(fsck.Finding), looked func(int64)) (done Checked, err error) {
	if err := u.checkToolNames(ctx, report); err != nil {
		return done, err
	}
	if err := u.awaited().Check(ctx, func(record string, err error) { report(fsck.Finding{Kind: KindAwaited, Name: record, Err: err}) }); err != nil {
		return done, err
	}
	seen := map[object.Hash]bool{}
	done.Checked, err = fsck.Run(ctx, u.Store, report, func(o store.Object) error {
		if err := objects.Check(o); err != nil {
			return err
		}
		return u.checkReferences(ctx, o, seen, report)
	}, looked)
	if err != nil {
		return done, err
	}
	if err := u.Indexes.VerifyAll(ctx, func(index string, episode object.Hash, err error) {
		report(fsck.Finding{Kind: KindVector, ID: episode, Name: index, Err: fmt.Errorf("index %s: %w", index, err)})
	}); err != nil {
		return done, err
	}
	done.Pages, err = query.CheckPages(ctx, u.Source, func(page string, episode object.Hash, err error) {
		report(fsck.Finding{Kind: KindPage, ID: episode, Name: page, Err: err})
	})
	if err != nil {
		return done, err
	}
	return done, u.RecountQuotas(ctx, func(id object.Hash, err error) { report(fsck.Finding{Kind: KindQuota, ID: id, Err: err}) })
}

// KindVector is the kind of a finding about an episode's vector in an index; its name is that
// of the index.
const KindVector = "vector"

// KindAwaited is the kind of a finding about the record of an agent's call that had no answer yet.
const KindAwaited = "awaited"

// KindTool is the kind of a finding about a tool's name.
const KindTool = "tool"

// checkToolNames reports names that stand for no tool.
func (u *Upkeep) checkToolNames(ctx context.Context, report func(fsck.Finding)) error {
	err := u.Tools.List(ctx, func(exec.Tool) error { return nil })
	var dangling *exec.DanglingError
	if !errors.As(err, &dangling) {
		return err
	}
	for _, name := range dangling.Names {
		report(fsck.Finding{Kind: KindTool, Name: name, Err: fmt.Errorf("%w: the name stands for none: mythos tool rm %s", exec.ErrNoTool, name)})
	}
	return nil
}

// checkReferences reports blobs and receipts that an object counts on and that are
// not here. Other hashes may stand for things that were never meant to be here.
func (u *Upkeep) checkReferences(ctx context.Context, o store.Object, seen map[object.Hash]bool, report func(fsck.Finding)) error {
	r, err := objects.ReferencesOf(o)
	if err != nil {
		return err
	}
	for _, ref := range r.Blobs {
		if seen[ref.CID] {
			continue
		}
		seen[ref.CID] = true
		if err := u.blobHere(ctx, ref); err != nil {
			report(fsck.Finding{Kind: KindReference, ID: ref.CID, Err: fmt.Errorf("blob of %s %s: %w", o.Kind, o.ID.Short(), err)})
		}
	}
	if o.Kind != dataset.KindEpisode {
		return nil
	}
	e, err := object.Decode[object.EpisodeRef](o.Raw)
	if err != nil {
		return err
	}
	for _, id := range e.TraceRef.ReceiptIDs {
		if seen[id] {
			continue
		}
		seen[id] = true
		if _, err := u.Source.ReceiptBytes(ctx, id); err != nil {
			report(fsck.Finding{Kind: KindReference, ID: id, Err: fmt.Errorf("receipt of episode %s: %w", o.ID.Short(), err)})
		}
	}
	return nil
}

// blobHere checks a blob that may have no reference of its own; one that has is
// checked with the other blobs.
func (u *Upkeep) blobHere(ctx context.Context, ref object.BlobRef) error {
	if _, err := u.Store.BlobRef(ctx, ref.CID); !errors.Is(err, store.ErrNotFound) {
		return nil
	}
	b, err := u.Store.OpenRef(ctx, ref, codec.Keys{})
	if err != nil {
		return err
	}
	return b.Whole(ctx)
}
