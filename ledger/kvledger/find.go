package kvledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

var errFound = errors.New("found enough")

// FindReceipts returns at most limit ids of receipts that begin with the hex digits of
// prefix, ascending. It costs a scan of those.
func (a *archive) FindReceipts(ctx context.Context, prefix string, limit int) ([]object.Hash, error) {
	return a.find(ctx, receiptKeys, prefix, limit)
}

// FindEffects returns at most limit ids of effects that begin with the hex digits of
// prefix, ascending. It costs a scan of those.
func (a *archive) FindEffects(ctx context.Context, prefix string, limit int) ([]object.Hash, error) {
	return a.find(ctx, historyKeys, prefix, limit)
}

func (a *archive) find(ctx context.Context, space, prefix string, limit int) (found []object.Hash, err error) {
	if strings.Trim(prefix, "0123456789abcdef") != "" || len(prefix) > 64 || limit < 1 {
		return nil, nil
	}
	err = a.kv.Scan(ctx, space+prefix, kv.End(space+prefix), func(key string, _ []byte) error {
		id, err := object.ParseHash(key[len(space):])
		if err != nil {
			return fmt.Errorf("%w: key %q", ledger.ErrEntry, key)
		}
		if len(found) == limit {
			return errFound
		}
		found = append(found, id)
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}
