package parts

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Push sends the parts of the tree below root that the peer does not have. The tree must be complete here. The peer
// stores it under a ref, and confirms when nothing is missing there.
func Push(ctx context.Context, c *peer.Client, root object.Hash, chain caps.Chain, progress Progress) (Pushed, error) {
	var done Pushed
	if progress == nil {
		progress = silent{}
	}
	if err := c.Repo.Transfer.Sendable(ctx, transfer.Object(root)); err != nil {
		return done, err
	}
	wanted, total, err := missing(ctx, c, root, chain)
	if err != nil {
		return done, fmt.Errorf("push %s: %w", root.Short(), err)
	}
	progress.Total(int64(total))
	keys := make([]transfer.Key, 0, len(wanted))
	for k := range wanted {
		keys = append(keys, k)
	}
	list := encodeKeys(keys)
	body := streamed(func(w *bufio.Writer) error {
		if err := writeFrame(w, transfer.Part{Kind: frameIDs, ID: root, Data: list}); err != nil {
			return err
		}
		err := c.Repo.Transfer.Send(ctx, transfer.Object(root), func(k transfer.Key) bool { return wanted[k] }, func(p transfer.Part) error {
			progress.Add(int64(len(p.Data)))
			return writeFrame(w, p)
		})
		if err != nil {
			return err
		}
		return writeEnd(w, root)
	})
	defer body.Close()
	path := "/v1/trees/" + root.String() + "?" + queryBytes + "=" + strconv.FormatUint(total, 10)
	res, err := c.Send(ctx, http.MethodPut, path, chain, list, body)
	if err != nil {
		return done, fmt.Errorf("push %s: %w", root.Short(), err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&done); err != nil {
		return done, fmt.Errorf("push %s: %w", root.Short(), err)
	}
	if err := store.CheckRefName(done.Ref); err != nil {
		return done, fmt.Errorf("push %s: the peer's answer: %w", root.Short(), err)
	}
	return done, nil
}

// missing asks which parts of a tree the peer does not have, and adds up their sizes.
func missing(ctx context.Context, c *peer.Client, root object.Hash, chain caps.Chain) (map[transfer.Key]bool, uint64, error) {
	sizes := map[transfer.Key]uint64{}
	body := streamed(func(w *bufio.Writer) error {
		err := c.Repo.Transfer.Items(ctx, transfer.Object(root), func(it transfer.Item) error {
			sizes[it.Key()] = it.Size
			return writeFrame(w, itemFrame(it))
		})
		if err != nil {
			return err
		}
		return writeEnd(w, root)
	})
	defer body.Close()
	res, err := c.Send(ctx, http.MethodPost, "/v1/trees/"+root.String()+"/missing", chain, nil, body)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, keySize*maxParts+1))
	if err != nil {
		return nil, 0, err
	}
	wanted, err := decodeKeys(raw)
	if err != nil {
		return nil, 0, err
	}
	total := uint64(0)
	for k := range wanted {
		size, ours := sizes[k]
		if !ours {
			return nil, 0, fmt.Errorf("the peer asks for %s, which is not part of it", k.ID.Short())
		}
		total += size
	}
	return wanted, total, nil
}
