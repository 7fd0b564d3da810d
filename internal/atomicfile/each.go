package atomicfile

import (
	"context"
	"sync"
)

// syncers is how many files are synced at a time: the file system merges what
// their syncs have in common.
const syncers = 16

// each calls fn for all of a list, several at a time, and returns the first error.
// It calls fn for the rest even then, so that nothing is left half done, unless
// ctx ends.
func each[T any](ctx context.Context, list []T, fn func(T) error) error {
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	slots := make(chan struct{}, syncers)
	for _, v := range list {
		if err := ctx.Err(); err != nil {
			once.Do(func() { first = err })
			break
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := fn(v); err != nil {
				once.Do(func() { first = err })
			}
		})
	}
	wg.Wait()
	return first
}

func keys(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	return list
}
