package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/store/bucket"
	"github.com/mythos-project/mythos/store/postgres"
)

// arrivalLock excludes others from a destination that is not a repository yet.
const arrivalLock = "arrival"

// Arrive opens the destination to which the repository with an id is moved: an empty one is created, and one that an
// earlier attempt has left is continued. The error wraps ErrTaken for any other.
func Arrive(ctx context.Context, from [16]byte, to Destination, acceptLoss bool, o Options) (*Arrival, error) {
	arrive := arriveShared
	if to.Folder != "" {
		arrive = arriveLocal
	}
	o.arriving = true
	a, err := arrive(ctx, from, to, acceptLoss, o)
	if err != nil {
		return nil, err
	}
	release, err := a.Lock(ctx, arrivalLock, time.Second)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.close = append(a.close, func() error { release(); return nil })
	return a, nil
}

// ErrTaken means that the destination contains another repository.
var ErrTaken = errors.New("another repository is there")

// errTaken is the error for a destination.
func errTaken(d Destination) error { return fmt.Errorf("%w: %s", ErrTaken, d) }

func arriveLocal(_ context.Context, from [16]byte, to Destination, _ bool, o Options) (*Arrival, error) {
	root, id := to.Folder, hex.EncodeToString(from[:])
	marked, err := mark(root, arrivingFile)
	if err != nil {
		return nil, err
	}
	switch _, err := os.Lstat(filepath.Join(root, IDFile)); {
	case marked != "" && marked != id, marked == "" && err == nil:
		return nil, errTaken(to)
	case marked == "":
		if err := os.MkdirAll(root, 0o700); err != nil {
			return nil, err
		}
		if err := atomicfile.Write(filepath.Join(root, arrivingFile), 0o600, []byte(id+"\n")); err != nil {
			return nil, err
		}
	}
	if err := Make(root); err != nil {
		return nil, err
	}
	e, err := Open(root, o)
	if err != nil {
		return nil, err
	}
	return &Arrival{e, func(context.Context) error {
		if err := os.Remove(filepath.Join(root, arrivingFile)); err != nil {
			return err
		}
		return atomicfile.SyncDir(root)
	}}, nil
}

// idAt returns the id that a repository gets in a database: the same in each attempt.
func (p Places) idAt(from [16]byte) [16]byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{"mythos migrate", string(from[:]), p.Store, p.Chunks}, "\x00")))
	return [16]byte(sum[:16])
}

func arriveShared(ctx context.Context, from [16]byte, to Destination, acceptLoss bool, o Options) (*Arrival, error) {
	db, err := postgres.Open(to.Store, postgres.Options{Wait: o.Wait, Debugf: o.Debugf, Arriving: true})
	if err != nil {
		return nil, err
	}
	e := &Engine{DB: db, Shared: &Shared{db: db}, close: []func() error{db.Close}}
	chunks, err := bucket.Open(to.Chunks, db.Chunks())
	if err == nil {
		e.Chunks = chunks
		err = prepare(ctx, db, chunks, from, to, acceptLoss)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &Arrival{e, db.Arrived}, nil
}

// prepare creates an empty repository, or finds the one that an earlier attempt has created.
func prepare(ctx context.Context, db *postgres.DB, chunks *bucket.Bucket, from [16]byte, to Destination, acceptLoss bool) error {
	a, err := db.About(ctx)
	switch id := to.idAt(from); {
	case errors.Is(err, postgres.ErrNoRepository):
		if err := chunks.Take(ctx, id); err != nil {
			return err
		}
		return db.Create(ctx, postgres.About{ID: id, Chunks: to.Chunks, AcceptLoss: acceptLoss, Arriving: from})
	case err != nil:
		return err
	case a.Moved != "":
		return fmt.Errorf("%w, which has gone on to %s", errTaken(to), a.Moved)
	case a.Arriving != from || a.ID != id:
		return errTaken(to)
	}
	return chunks.Owned(ctx, a.ID)
}
