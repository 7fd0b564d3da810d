package node

import (
	"context"

	"github.com/mythos-project/mythos/store"
)

type progressKey struct{}

// WithProgress returns a context under which BuildDataset and ExportDataset tell how far
// they are. The work is an effect, whose request has no room for that.
func WithProgress(ctx context.Context, p store.Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

// progressOf is what WithProgress was given; nil: nobody asks.
func progressOf(ctx context.Context) store.Progress {
	p, _ := ctx.Value(progressKey{}).(store.Progress)
	return p
}
