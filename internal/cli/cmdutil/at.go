package cmdutil

import (
	"context"
	"strings"

	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// LedgerAt is the ledger of the server named by at or, if that is empty, by the setting; nil: neither. The caller
// closes it.
func (f *Factory) LedgerAt(ctx context.Context, n *repo.Repo, at string) (*remote.Ledger, error) {
	if at == "" {
		at = n.Config.At
	}
	if at == "" {
		return nil, nil
	}
	p := peers.Peer{URL: at}
	if !strings.Contains(at, "://") {
		var err error
		if p, err = n.Peers.Named(ctx, at); err != nil {
			return nil, err
		}
	} else if !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") {
		return nil, clierr.Usagef("%q is not the URL of a server", at).With("give one such as http://127.0.0.1:7480; `mythos serve` prints it")
	}
	return remote.Open(ctx, remote.Options{Client: peer.To(n, p), Local: n.Ledger, Signer: n.Key, Now: n.Now, KV: n.DB, Bytes: n.Store.Bytes, Notef: f.IO.Notef,
		Stays: func(tool object.Hash) bool {
			_, builtin := n.Gate.BuiltinName(tool)
			return builtin && tool != once.Tool
		}})
}
