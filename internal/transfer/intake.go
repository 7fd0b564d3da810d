package transfer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Intake verifies the parts of a stream from a peer and stores them. Byte strings and nodes are written as they arrive
// and synced together; blobs and objects wait until what came before them is durable, so that nothing is visible before
// all its parts.
//
// An object must be of a known struct, have the id under which it is sent and, if it names its signer, a valid
// signature; whether the signer is trusted is checked when the object is used.
type Intake struct {
	ctx  context.Context
	n    *Transfer
	in   *store.Intake
	work chan arrival // byte strings and nodes
	wg   sync.WaitGroup

	staged []Part // blobs and objects
	size   int    // total size of their data, in bytes

	by      *Pusher // who is charged for everything; nil: nobody
	arrived []Item  // byte strings and nodes that are not yet charged
	unpaid  int     // total size of their data, in bytes

	mu  sync.Mutex
	err error
}

// arrival is a part, and what to call once its data is stored.
type arrival struct {
	Part
	done func()
}

const (
	maxStaged      = 4096    // waiting blobs and objects
	maxStagedBytes = 4 << 20 // of their data

	maxUncharged      = 16 << 20 // bytes of a push that are not yet charged
	maxUnchargedParts = 4096
)

// Intake starts storing parts. Flush must end it.
func (tr *Transfer) Intake(ctx context.Context) *Intake {
	k := &Intake{ctx: ctx, n: tr, in: tr.Store.NewIntake(true)}
	k.start()
	return k
}

// Intake starts storing what the agent pushes. It continues if the sender is gone: what has arrived is stored, charged
// and recorded. Flush must end it.
func (p *Pusher) Intake(ctx context.Context) *Intake {
	k := p.n.Intake(context.WithoutCancel(ctx))
	k.by = p
	return k
}

func (k *Intake) start() {
	work := make(chan arrival)
	k.work = work
	for range runtime.GOMAXPROCS(0) {
		k.wg.Go(func() {
			for p := range work {
				k.fail(k.take(p.Part))
				p.done()
			}
		})
	}
}

func (k *Intake) take(p Part) error {
	if p.Kind == partNode {
		return k.in.PutNode(k.ctx, p.ID, p.Data)
	}
	return k.in.PutBytes(k.ctx, p.ID, p.Data)
}

func (k *Intake) fail(err error) {
	if err == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = errors.Join(k.err, err)
}

func (k *Intake) failed() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// Add stores a part, now or soon, and calls done when it no longer needs the data, which may be never. The error may be
// that of an earlier part.
func (k *Intake) Add(p Part, done func()) error {
	if err := k.failed(); err != nil {
		return err
	}
	if p.Key().Rank == 0 {
		k.work <- arrival{p, done}
		if k.by == nil {
			return nil
		}
		k.arrived = append(k.arrived, Item{p.Kind, p.ID, uint64(len(p.Data))})
		k.unpaid += len(p.Data)
		if k.unpaid < maxUncharged && len(k.arrived) < maxUnchargedParts {
			return nil
		}
		k.pay()
		k.start()
		return k.failed()
	}
	k.staged = append(k.staged, p)
	if k.size += len(p.Data); len(k.staged) < maxStaged && k.size < maxStagedBytes {
		return nil
	}
	k.settle()
	k.start()
	return k.failed()
}

// Flush waits until everything is stored, and ends the Intake.
func (k *Intake) Flush() error {
	k.settle()
	k.fail(k.in.Close())
	return k.failed()
}

// settle makes what has arrived durable, and then visible, unless something failed. In that case only byte strings and
// nodes are stored, for a later try, even if the failure is that the sender or the caller is gone.
func (k *Intake) settle() {
	k.pay()
	if k.by != nil && k.failed() == nil {
		k.fail(k.by.pay(k.ctx, uint64(k.size)))
	}
	if k.failed() == nil {
		k.fail(k.show(k.staged))
	}
	if k.by != nil && k.failed() == nil { // a reference that was not stored counts as not sent
		shown := make([]Item, len(k.staged))
		for i, p := range k.staged {
			shown[i] = Item{Kind: p.Kind, ID: p.ID} // paid already
		}
		k.fail(k.by.take(k.ctx, shown))
	}
	k.staged, k.size = nil, 0
}

// pay makes byte strings and nodes durable, and charges those that an agent pushed.
func (k *Intake) pay() {
	close(k.work)
	k.wg.Wait()
	k.fail(k.in.Sync(context.WithoutCancel(k.ctx)))
	if k.by != nil && k.failed() == nil {
		k.fail(k.by.take(k.ctx, k.arrived))
	}
	k.arrived, k.unpaid = nil, 0
}

// show makes first blobs and then objects visible.
func (k *Intake) show(parts []Part) error {
	var refs []object.BlobRef
	var objects []Part
	for _, p := range parts {
		if p.Kind != partBlob {
			objects = append(objects, p)
			continue
		}
		ref, err := object.Decode[object.BlobRef](p.Data)
		if err != nil {
			return err
		}
		if ref.CID != p.ID {
			return fmt.Errorf("blob %s: %w", p.ID.Short(), object.ErrID)
		}
		if k.by != nil { // otherwise a reference would reveal which bytes others have sent
			if err := k.by.ownsBlob(k.ctx, *ref); err != nil {
				return err
			}
		}
		refs = append(refs, *ref)
	}
	if len(refs) > 0 {
		if err := k.n.Store.Adopt(k.ctx, refs...); err != nil {
			return err
		}
	}
	return k.n.keepObjects(k.ctx, objects)
}

// keepObjects verifies objects, on all processors, and stores the valid ones.
func (tr *Transfer) keepObjects(ctx context.Context, parts []Part) error {
	errs := make([]error, len(parts))
	par.Do(len(parts), 0, func(i int) { errs[i] = checkPart(parts[i]) })
	var plain []store.Object
	var signals [][]byte
	for i, p := range parts {
		switch {
		case errs[i] != nil:
		case p.Kind == signal.Kind:
			signals = append(signals, p.Data)
		case registry.Kind(p.Kind):
			_, errs[i] = tr.Models.Add(ctx, p.Kind, p.Data)
		default:
			plain = append(plain, store.Object{ID: p.ID, Kind: p.Kind, Raw: p.Data})
		}
	}
	errs = append(errs, tr.Store.PutObjects(ctx, plain...), signal.Put(ctx, tr.Store, signals...))
	for _, o := range plain {
		if o.Kind == dataset.KindReceipt {
			errs = append(errs, tr.noteReceipt(ctx, o.ID, o.Raw))
		}
	}
	return errors.Join(errs...)
}

// checkPart checks an object's kind, fields, id and, if it names its signer, signature.
func checkPart(p Part) error {
	s, ok := catalog.Lookup(p.Kind)
	if !ok || s.Name != p.Kind || (s.Rule.IDField == 0 && !hashed(s.Name)) {
		return fmt.Errorf("%s %s: %w", p.Kind, p.ID.Short(), objects.ErrKind)
	}
	if err := objects.Check(store.Object{ID: p.ID, Kind: p.Kind, Raw: p.Data}); err != nil {
		return fmt.Errorf("%s: %w", p.ID.Short(), err)
	}
	return nil
}

// hashed reports whether objects of a kind without an id field are stored under the hash of their bytes.
func hashed(kind string) bool {
	return registry.Kind(kind) || kind == objects.KindDatasetRef || kind == codebook.KindCodebook
}
