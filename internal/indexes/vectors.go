package indexes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/internal/vector"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// mediaReceipts is the media type of the list of an index's receipts.
const mediaReceipts = "application/mythos.index.receipts"

// kept returns the receipts of a state's vectors, by episode, if they are from this embedder.
func (i *Indexes) kept(ctx context.Context, e model.Embedder, s *model.IndexState) (map[object.Hash]object.Hash, error) {
	if s == nil || s.Vectors == nil || !sameEmbedder(s.Vectors.Embedder, e) {
		return nil, nil
	}
	ids, receipts, err := i.pairs(ctx, s)
	if err != nil {
		return nil, err
	}
	kept := make(map[object.Hash]object.Hash, len(ids))
	for n, id := range ids {
		kept[id] = receipts[n]
	}
	return kept, nil
}

// pairs returns the episodes of a state with vectors, and the receipt of each one's vector.
func (i *Indexes) pairs(ctx context.Context, s *model.IndexState) (ids, receipts []object.Hash, err error) {
	if ids, err = i.list(ctx, s.Manifest); err != nil {
		return nil, nil, err
	}
	if receipts, err = i.list(ctx, s.Vectors.Receipts); err != nil {
		return nil, nil, err
	}
	if len(ids) != len(receipts) {
		return nil, nil, fmt.Errorf("%w: state %s has %d episodes and %d receipts of vectors", store.ErrCorrupt, s.StateID.Short(), len(ids), len(receipts))
	}
	return ids, receipts, nil
}

func sameEmbedder(a, b model.Embedder) bool {
	name := func(m *string) string {
		if m == nil {
			return ""
		}
		return *m
	}
	return a.Tool == b.Tool && a.Form == b.Form && a.Dimension == b.Dimension && a.MaxText == b.MaxText && name(a.Model) == name(b.Model)
}

// embed embeds the texts that an update needs.
func (i *Indexes) embed(ctx context.Context, u *model.IndexUpdate, begin func(n int) (done func())) error {
	ids, before, err := i.content(ctx, u)
	if err != nil {
		return err
	}
	kept, err := i.kept(ctx, *u.Embedder, before)
	if err != nil {
		return err
	}
	var lacking []object.Hash
	for _, id := range ids {
		if _, have := kept[id]; !have {
			lacking = append(lacking, id)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return i.Embeds.Each(ctx, *u.Embedder, len(lacking), func(ctx context.Context, n int) (string, error) {
		return i.text(ctx, lacking[n])
	}, begin(len(lacking)))
}

// text returns the text of an episode that is embedded: its request.
func (i *Indexes) text(ctx context.Context, id object.Hash) (string, error) {
	sample, err := i.Episodes.Sample(ctx, id)
	if err != nil {
		return "", err
	}
	return sample.Request, nil
}

// vectors returns the receipt of each episode's vector. A text without one is refused: the requester of the update has
// to embed it first.
func (i *Indexes) vectors(ctx context.Context, e model.Embedder, ids []object.Hash, before *model.IndexState) (*model.IndexVectors, error) {
	kept, err := i.kept(ctx, e, before)
	if err != nil {
		return nil, err
	}
	receipts := make([]object.Hash, len(ids))
	if err := par.Each(ctx, len(ids), runtime.GOMAXPROCS(0), func(ctx context.Context, n int) error {
		if id, have := kept[ids[n]]; have {
			receipts[n] = id
			return nil
		}
		text, err := i.text(ctx, ids[n])
		if err != nil {
			return err
		}
		v, err := i.Embeds.Find(ctx, e, text)
		if errors.Is(err, model.ErrEmbedding) {
			err = fmt.Errorf("%w: episode %s: %w", model.ErrRefused, ids[n].Short(), err)
		}
		receipts[n] = v.Receipt
		return err
	}); err != nil {
		return nil, err
	}
	ref, _, err := i.Store.PutList(ctx, mediaReceipts, func(b *merkle.ListBuilder) error {
		for _, id := range receipts {
			if err := b.Add(id); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	return &model.IndexVectors{Embedder: e, Receipts: ref.CID}, err
}

// The rows of a file have the keys EPISODE RECEIPT, by their digests.
const keySize = 64

func keyOf(episode, receipt object.Hash) []byte {
	return append(append(make([]byte, 0, keySize), episode.Sum[:]...), receipt.Sum[:]...)
}

// episodeOf returns the episode of a row's key.
func episodeOf(key []byte) object.Hash {
	id := object.Hash{Alg: object.SHA256}
	copy(id.Sum[:], key)
	return id
}

func (i *Indexes) vectorFile(name string) string {
	return filepath.Join(i.ID.Dir, "index", name+".vectors")
}

// openVectors opens the file of an index's vectors, and rebuilds it if it belongs to another state.
func (i *Indexes) openVectors(ctx context.Context, s *model.IndexState) (*vector.File, error) {
	name := i.vectorFile(s.Name)
	f, err := vector.Open(name, keySize)
	if err == nil && bytes.Equal(f.Tag, s.StateID.Sum[:]) {
		return f, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, vector.ErrDamaged) {
		return nil, err
	}
	x, keys, err := i.buildVectors(ctx, s, f)
	if f != nil {
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		err = vector.Write(name, x, s.StateID.Sum[:], keys)
	}
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", s.Name, err)
	}
	return vector.InMemory(x, s.StateID.Sum[:], keys, keySize), nil // another process may have written the file of another state meanwhile
}

// buildVectors builds the index of a state's vectors. Vectors with the same receipts are taken from old, which may be
// nil; the others are read from their receipts.
func (i *Indexes) buildVectors(ctx context.Context, s *model.IndexState, old *vector.File) (*vector.Index, []byte, error) {
	ids, receipts, err := i.pairs(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	e := s.Vectors.Embedder
	known := map[string]int{}
	if old != nil && old.Dim() == int(e.Dimension) {
		for row := range old.Len() {
			known[string(old.Key(row))] = row
		}
	}
	b := vector.NewBuilder(int(e.Dimension), len(ids))
	keys := make([]byte, 0, len(ids)*keySize)
	for n, id := range ids {
		key := keyOf(id, receipts[n])
		keys = append(keys, key...)
		if row, have := known[string(key)]; have {
			b.AddUnit(old.Row(row))
			continue
		}
		r, err := i.Embeds.Source.Receipt(ctx, receipts[n])
		if err != nil {
			return nil, nil, fmt.Errorf("vector of episode %s: %w", id.Short(), err)
		}
		v, err := i.Embeds.Read(ctx, e, r, receipts[n])
		if err == nil {
			err = b.Add(v)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("vector of episode %s: %w", id.Short(), err)
		}
	}
	x, err := b.Build(ctx, 0)
	return x, keys, err
}

// Checked is the extent of a check of an index's vectors.
type Checked struct {
	State  *model.IndexState
	Exact  bool    // searches compare all vectors
	Recall float64 // measured, if they do not
	Faults uint64
}

// ErrVectorFile means that the file of an index's vectors differs from what the receipts say.
var ErrVectorFile = errors.New("the file of its vectors is not what the receipts give: remove it, and it is made again")

// Verify checks every vector of an index: that a receipt of the embedder's tool signs it, for the episode's text, and
// that the file agrees with the receipts. report is called for each fault; id is the episode's, or zero.
func (i *Indexes) Verify(ctx context.Context, name string, report func(id object.Hash, err error)) (Checked, error) {
	s, err := i.Models.Index(ctx, name)
	if err != nil || s.Vectors == nil {
		return Checked{State: s}, err
	}
	ids, receipts, err := i.pairs(ctx, s)
	if err != nil {
		return Checked{State: s}, err
	}
	faults := uint64(0)
	fault := func(id object.Hash, err error) {
		faults++
		report(id, err)
	}
	b := vector.NewBuilder(int(s.Vectors.Embedder.Dimension), len(ids))
	keys := make([]byte, 0, len(ids)*keySize)
	for n, id := range ids {
		v, err := i.check(ctx, s.Vectors.Embedder, id, receipts[n])
		if ctx.Err() != nil {
			return Checked{State: s}, ctx.Err()
		}
		if err == nil {
			err = b.Add(v)
		}
		if err != nil {
			fault(id, err)
		}
		keys = append(keys, keyOf(id, receipts[n])...)
	}
	c := Checked{State: s, Exact: true, Recall: 1}
	if faults == 0 {
		if c, err = i.compare(ctx, s, b, keys, fault); err != nil {
			return c, err
		}
	}
	c.Faults = faults
	return c, nil
}

func (i *Indexes) check(ctx context.Context, e model.Embedder, id, receipt object.Hash) ([]float32, error) {
	text, err := i.text(ctx, id)
	if err != nil {
		return nil, err
	}
	v, err := i.Embeds.Check(ctx, e, text, receipt)
	return v.Parts, err
}

// compare compares the file with the receipts. A file that is missing or belongs to another state is rebuilt when it is
// needed.
func (i *Indexes) compare(ctx context.Context, s *model.IndexState, b *vector.Builder, keys []byte, fault func(object.Hash, error)) (Checked, error) {
	x, err := b.Build(ctx, 0)
	if err != nil {
		return Checked{State: s}, err
	}
	c := Checked{State: s, Exact: !x.Coded(), Recall: x.Recall()}
	f, err := vector.Open(i.vectorFile(s.Name), keySize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case errors.Is(err, vector.ErrDamaged):
		fault(object.Hash{}, fmt.Errorf("%w: %w", ErrVectorFile, err))
		return c, nil
	case err != nil:
		return c, err
	}
	defer f.Close()
	if !bytes.Equal(f.Tag, s.StateID.Sum[:]) {
		return c, nil
	}
	if f.Len() != x.Len() || f.Dim() != x.Dim() {
		fault(object.Hash{}, ErrVectorFile)
		return c, nil
	}
	before := 0
	for row := range f.Len() {
		key := keys[row*keySize : (row+1)*keySize]
		if !bytes.Equal(f.Key(row), key) || !x.SameRow(f.Index, row) {
			fault(episodeOf(key), ErrVectorFile)
			before++
		}
	}
	if before == 0 && !x.Same(f.Index) {
		fault(object.Hash{}, ErrVectorFile)
	}
	return c, nil
}

// VerifyAll is Verify for every index. It also reports why an index cannot be checked.
func (i *Indexes) VerifyAll(ctx context.Context, report func(index string, episode object.Hash, err error)) error {
	err := i.Models.Indexes(ctx, func(s *model.IndexState) error {
		_, err := i.Verify(ctx, s.Name, func(id object.Hash, err error) { report(s.Name, id, err) })
		if err != nil && ctx.Err() == nil {
			report(s.Name, object.Hash{}, err)
		}
		return ctx.Err()
	})
	if err != nil && ctx.Err() == nil {
		report("", object.Hash{}, err)
	}
	return ctx.Err()
}
