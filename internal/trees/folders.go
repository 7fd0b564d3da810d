package trees

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Folders keeps what tools take and give as folders.
type Folders struct{ Store *store.Store }

var _ process.Trees = Folders{}

// Unpack implements process.Trees.
func (f Folders) Unpack(ctx context.Context, id object.Hash, dir string) error {
	if err := UnpackInto(ctx, f.Store, id, dir, nil); err != nil {
		return fmt.Errorf("tree %s: %w", id.Short(), err)
	}
	return nil
}

// Pack implements process.Trees: nothing is left out.
func (f Folders) Pack(ctx context.Context, dir string) (object.Hash, error) {
	got, err := Put(ctx, f.Store, dir, PutOptions{Now: time.Now()})
	if errors.Is(err, ErrKind) || errors.Is(err, ErrChanging) {
		err = fmt.Errorf("%w: %w", process.ErrNoTree, err)
	}
	return got.ID, err
}
