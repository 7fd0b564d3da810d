package atomicfile

import (
	"context"

	"github.com/mythos-project/mythos/internal/par"
)

// syncers is how many files are synced at a time: the file system merges the common part of their syncs.
const syncers = 16

// each calls fn for every element of a list, several at a time, and returns the first error. After an error it still
// calls fn for the rest, so that nothing is left half done, unless ctx ends.
func each[T any](ctx context.Context, list []T, fn func(T) error) error {
	errs := make([]error, len(list))
	par.Do(len(list), syncers, func(i int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			errs[i] = fn(list[i])
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func keys(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	return list
}
