package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/files"
	"github.com/mythos-project/mythos/store/socket"
)

const (
	databaseFolder = "db"
	chunksFolder   = "chunks"
)

// local is a database in the repository's folder.
type local struct {
	root string
	own  *badger.DB
	db   *socket.DB // that of the serving process, or our own
}

func openLocal(root string, id [16]byte, o Options) (*Engine, error) {
	gone, err := movedFrom(root)
	if err == nil && !o.arriving {
		err = NotArriving(root)
	}
	if err != nil {
		return nil, err
	}
	if gone != "" && o.Moved != nil {
		o.Moved(gone)
	}
	refuse := func() error { return mayWrite(root) }
	own, err := badger.Open(filepath.Join(root, databaseFolder), badger.Options{Wait: o.Wait, Existing: true, ID: id, Refuse: refuse})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", root, err)
	}
	db := socket.Open(root, own, socket.Options{Wait: o.Wait, Debugf: o.Debugf})
	e := &Engine{DB: db, local: &local{root, own, db}, close: []func() error{own.Close, db.Close}}
	chunks, err := files.Open(filepath.Join(root, chunksFolder))
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	chunks.Refuse = refuse
	e.Chunks = chunks
	return e, nil
}

// lingering is how long a serving process keeps an idle database open.
const lingering = time.Minute

func (l *local) listen() (*socket.Server, error) {
	s, err := l.db.Listen()
	if err != nil {
		return nil, fmt.Errorf("local socket: %w", err)
	}
	l.own.Linger(lingering)
	return s, nil
}

// Make creates empty storage in the repository's folder, unless its database already has an id.
func Make(root string) error {
	for _, d := range []string{databaseFolder, chunksFolder} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o700); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(filepath.Join(root, IDFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return makeDatabase(root)
}

// makeDatabase creates an empty database, and records its id.
func makeDatabase(root string) error {
	db, err := badger.Open(filepath.Join(root, databaseFolder), badger.Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, err = db.Update(ctx, nil, nil)
	id, iderr := db.ID(ctx)
	if err = errors.Join(err, iderr, db.Close()); err != nil {
		return err
	}
	return keepID(root, id)
}

// ErrShared means that a database is not in the repository's folder.
var ErrShared = errors.New("the repository is in PostgreSQL")

// Renew gives a repository whose database is lost an empty one. The remains of the old one are kept next to it, in the
// folder that is returned; empty: there were none. Effects that the old database knew can run a second time.
func Renew(root string) (kept string, err error) {
	if _, shared, err := placesOf(root); err != nil || shared {
		return "", errors.Join(err, ErrShared)
	}
	dir := filepath.Join(root, databaseFolder)
	if _, err := os.Stat(dir); err == nil {
		kept = dir + ".lost-" + time.Now().UTC().Format("20060102T150405")
		if err := os.Rename(dir, kept); err != nil {
			return "", err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return kept, makeDatabase(root)
}
