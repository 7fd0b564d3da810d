package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/kv"
)

// damage is the script command "damage REF weights|request" or "damage page": it changes a stored byte of the
// repository in the working directory, behind its back: in a model's weights, in the request of a dataset's first
// episode, or in the first page of values.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	if page := len(args) == 1 && args[0] == "page"; neg || len(args) != 2 && !page {
		ts.Fatalf("usage: damage REF weights|request, or damage page")
	}
	dir := ts.MkAbs(".mythos")
	cfg, err := config.Load(dir)
	ts.Check(err)
	ctx := context.Background()
	n, err := repo.Open(ctx, dir, repo.Options{Config: cfg, Now: func() object.Time { return object.TimeOf(time.Now()) }, Debugf: func(string, ...any) {}})
	ts.Check(err)
	defer n.Close()
	if args[0] == "page" {
		ts.Check(flipPage(ctx, n))
		return
	}
	id, err := n.Find.Resolve(ctx, args[0])
	ts.Check(err)
	var h object.Hash
	if args[1] == "weights" {
		h, err = weightsOf(ctx, n, id)
	} else {
		id, err = n.Datasets.Manifest(ctx, id)
		ts.Check(err)
		h, err = requestOf(ctx, n, id)
	}
	ts.Check(err)
	ts.Check(flip(ctx, n, dir, h))
}

// flipPage changes a byte of the first page of episodes.
func flipPage(ctx context.Context, n *repo.Repo) error {
	key, page := "", []byte(nil)
	if err := n.DB.Scan(ctx, kv.EpisodePages, kv.End(kv.EpisodePages), func(k string, v []byte) error {
		if key == "" {
			key, page = k, bytes.Clone(v)
		}
		return nil
	}); err != nil {
		return err
	}
	if key == "" {
		return errors.New("there are no pages of episodes")
	}
	page[len(page)/2] ^= 1
	_, err := n.DB.Update(ctx, nil, map[string][]byte{key: page})
	return err
}

// cutoff is the script command "cutoff [BYTE]": behind the last record of the journal in use
// it writes the head of another one, as a process leaves it that ends in the middle. With
// a byte it does so at that distance behind the record which it has begun.
func cutoff(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: cutoff [BYTE]")
	}
	dir := ts.MkAbs(".mythos/db")
	note, err := os.ReadFile(filepath.Join(dir, "seal"))
	ts.Check(err)
	begun, at := binary.BigEndian.Uint64(note[32:]), binary.BigEndian.Uint64(note[40:])
	if len(args) == 1 {
		n, err := strconv.ParseUint(args[0], 10, 32)
		ts.Check(err)
		at += n
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("journal.%d", begun&1)), os.O_RDWR, 0)
	ts.Check(err)
	head := make([]byte, 16)
	_, err = f.ReadAt(head[8:], 16) // the tag
	ts.Check(err)
	binary.BigEndian.PutUint32(head, 1000)
	_, err = f.WriteAt(head, int64(at))
	ts.Check(errors.Join(err, f.Close()))
}

// weightsOf returns the first stored byte string of a model's weights.
func weightsOf(ctx context.Context, n *repo.Repo, id object.Hash) (object.Hash, error) {
	o, err := n.Store.Object(ctx, id)
	if err != nil {
		return id, err
	}
	m, err := object.Decode[model.ModelRef](o.Raw)
	if err != nil || m.Weights.Chunks == 0 {
		return m.Weights.CID, err
	}
	tree, err := merkle.OpenChunks(n.Store.Nodes(ctx), m.Weights.CID)
	if err != nil {
		return id, err
	}
	c, err := tree.At(0)
	return c.Hash, err
}

var errFound = errors.New("found")

// requestOf returns the request of the first episode of a dataset.
func requestOf(ctx context.Context, n *repo.Repo, manifest object.Hash) (h object.Hash, err error) {
	err = dataset.ReadList(ctx, n.Store.Nodes(ctx), manifest, func(id object.Hash) error {
		raw, err := n.Source.Episode(ctx, id)
		if err != nil {
			return err
		}
		e, err := object.Decode[object.EpisodeRef](raw)
		if err != nil {
			return err
		}
		r, err := n.Episodes.CallOf(ctx, e)
		if err != nil {
			return err
		}
		h = r.RequestHash
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return h, err
}

// flip changes the first byte of a byte string where it is stored: in the database, in a file of its own or in a shared
// file.
func flip(ctx context.Context, n *repo.Repo, dir string, h object.Hash) error {
	data, err := n.Store.Bytes(ctx, h)
	if err != nil {
		return err
	}
	bad := bytes.Clone(data)
	bad[0] ^= 1
	key := "c/" + h.String()
	if _, found, err := n.DB.Get(ctx, key); err != nil || found {
		if err == nil {
			_, err = n.DB.Update(ctx, nil, map[string][]byte{key: bad})
		}
		return err
	}
	if own, err := filepath.Glob(filepath.Join(dir, "chunks", "*", h.String()+"*")); err != nil || len(own) > 0 {
		if err == nil {
			err = errors.Join(os.Chmod(own[0], 0o600), os.WriteFile(own[0], bad, 0o600))
		}
		return err
	}
	done := errors.New("changed")
	err = filepath.WalkDir(filepath.Join(dir, "chunks"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		at := bytes.Index(file, data)
		if at < 0 {
			return nil
		}
		copy(file[at:], bad)
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path, file, 0o600), done)
	})
	if errors.Is(err, done) {
		return nil
	}
	return errors.Join(err, errors.New("nothing stores "+h.String()))
}
