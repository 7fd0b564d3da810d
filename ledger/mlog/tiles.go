package mlog

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/store/kv"
)

// The hashes of the log are stored in tiles of 8 levels, as in C2SP tlog-tiles: tile n of level k has the roots of the
// complete subtrees of 256^k leaves from number 256·n on, at most 256 of them. The levels in between can be computed
// from these, and level 0 from the entries, so only the levels above 0 are stored. This is one more stored hash per 256
// entries.
const (
	tileKeys   = kv.LedgerTiles
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

func tileKey(level int, n uint64) string {
	return tileKeys + string(rune('0'+level)) + "/" + hex16(n)
}

// tileWriter adds completed subtrees to the tiles.
type tileWriter struct {
	ctx context.Context
	kv  kv.KV
	put map[string][]byte
}

// add stores the roots that Frontier.Add returned for the leaf with which the log reached this size.
func (w tileWriter) add(size uint64, completed []tlog.Hash) error {
	for height := tileHeight; height < len(completed); height += tileHeight {
		n := size>>height - 1
		key := tileKey(height/tileHeight, n/tileWidth)
		value, ok := w.put[key]
		if !ok {
			var err error
			if value, err = kv.GetOrNil(w.ctx, w.kv, key); err != nil {
				return err
			}
		}
		if uint64(len(value)) != n%tileWidth*tlog.HashSize {
			return fmt.Errorf("%w: tile %s has %d bytes", ErrEntry, key, len(value))
		}
		w.put[key] = append(value[:len(value):len(value)], completed[height][:]...)
	}
	return nil
}

// HashReader computes hashes of the log from its tiles and entries. It reads each of them once.
type HashReader struct {
	ctx   context.Context
	kv    kv.KV
	tiles map[string][]tlog.Hash
}

// Hashes reads the log's hashes; it is for one goroutine.
func (l *Log) Hashes(ctx context.Context) *HashReader {
	return &HashReader{ctx, l.kv, map[string][]tlog.Hash{}}
}

// Has reports whether the tiles have the roots that [Frontier.Add] returned for the leaf with which the log reached
// this size.
func (r *HashReader) Has(size uint64, completed []tlog.Hash) (bool, error) {
	for height := tileHeight; height < len(completed); height += tileHeight {
		n := size>>height - 1
		tile, err := r.tile(height/tileHeight, n/tileWidth)
		if err != nil {
			return false, err
		}
		if at := n % tileWidth; at >= uint64(len(tile)) || tile[at] != completed[height] {
			return false, nil
		}
	}
	return true, nil
}

// ReadHashes implements tlog.HashReader. A hash costs a read of one tile; below level 8, a read of 256 entries.
func (r *HashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		height, n := tlog.SplitStoredHashIndex(index)
		level, within := height/tileHeight, height%tileHeight
		from := uint64(n) << within
		tile, err := r.tile(level, from/tileWidth)
		if err != nil {
			return nil, err
		}
		from %= tileWidth
		end := from + 1<<within
		if end > uint64(len(tile)) {
			return nil, fmt.Errorf("%w: hash %d of the log is missing", ErrEntry, index)
		}
		out[i] = subtreeRoot(tile[from:end])
	}
	return out, nil
}

func (r *HashReader) tile(level int, n uint64) ([]tlog.Hash, error) {
	key := tileKey(level, n)
	if tile, ok := r.tiles[key]; ok {
		return tile, nil
	}
	tile, err := r.readTile(level, n)
	if err != nil {
		return nil, err
	}
	r.tiles[key] = tile
	return tile, nil
}

func (r *HashReader) readTile(level int, n uint64) ([]tlog.Hash, error) {
	if level > 0 {
		value, err := kv.GetOrNil(r.ctx, r.kv, tileKey(level, n))
		if err != nil {
			return nil, err
		}
		return hashesOf(value)
	}
	size, err := logSize(r.ctx, r.kv)
	if err != nil {
		return nil, err
	}
	first := min(n*tileWidth, size)
	tile := make([]tlog.Hash, 0, tileWidth)
	err = readLeaves(r.ctx, r.kv, first, min(first+tileWidth, size), func(_ Place, leaf []byte) error {
		tile = append(tile, tlog.RecordHash(leaf))
		return nil
	})
	return tile, err
}

func hashesOf(value []byte) ([]tlog.Hash, error) {
	if len(value)%tlog.HashSize != 0 || len(value) > tileWidth*tlog.HashSize {
		return nil, fmt.Errorf("%w: a tile of %d bytes", ErrEntry, len(value))
	}
	tile := make([]tlog.Hash, len(value)/tlog.HashSize)
	for i := range tile {
		tile[i] = tlog.Hash(value[i*tlog.HashSize:])
	}
	return tile, nil
}

// subtreeRoot is the root of a complete subtree over 2^k hashes.
func subtreeRoot(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(subtreeRoot(hashes[:half]), subtreeRoot(hashes[half:]))
}
