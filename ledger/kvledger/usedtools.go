package kvledger

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// The tools that have registered effects with keys; they are the candidates when only a key is given.
const toolKeys = kv.LedgerTools

func toolKey(tool object.Hash) string { return toolKeys + tool.String() }

// noteTool adds the tool to that list in the update of its first register by this Ledger.
func (l *Ledger) noteTool(tool object.Hash) []ledger.Rider {
	if _, noted := l.noted.Load(tool); noted {
		return nil
	}
	key := toolKey(tool)
	return []ledger.Rider{{Size: len(key), Reads: []string{key}, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		if value, err := get(key); err != nil || value != nil {
			return nil, err
		}
		return map[string][]byte{key: {}}, nil
	}}}
}

// FindKey returns the effects that were registered under an idempotency key, one for each tool, ascending by tool. It
// costs one lookup for each tool that has registers in the log.
func (a *archive) FindKey(ctx context.Context, key []byte) ([]object.Hash, error) {
	var found []object.Hash
	err := a.kv.Scan(ctx, toolKeys, kv.End(toolKeys), func(k string, _ []byte) error {
		tool, err := object.ParseHash(k[len(toolKeys):])
		if err != nil {
			return fmt.Errorf("%w: key %q", ledger.ErrEntry, k)
		}
		idem := ledger.IdemID(tool, key)
		_, there, err := a.kv.Get(ctx, historyKey(idem))
		if there {
			found = append(found, idem)
		}
		return err
	})
	return found, err
}

// toolListed checks that a register's tool is in the list; it looks up each tool only once.
func (v *verifier) toolListed(ctx context.Context, e ledger.Entry) error {
	if e.Register == nil {
		return nil
	}
	tool := e.Register.ToolID
	if _, seen := v.tools.LoadOrStore(tool, true); seen {
		return nil
	}
	_, found, err := v.l.kv.Get(ctx, toolKey(tool))
	if err == nil && !found {
		err = fmt.Errorf("entry %d: %w: tool %s is missing in the list of tools", e.Seq, ledger.ErrEntry, tool.Short())
	}
	return err
}
