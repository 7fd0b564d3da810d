package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/store/badger"
)

const (
	databaseFolder = "db"
	// databaseFile holds the id of the repository's database. It lies outside of the
	// database's folder, so that an empty or an exchanged folder is not taken for a new one.
	databaseFile = "database"
)

// makeDatabase makes an empty database, and takes down its id.
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
	return atomicfile.Write(filepath.Join(root, databaseFile), 0o600, []byte(id+"\n"))
}

// databaseID reads the id that the repository's database must have. The error wraps
// ErrDamaged where there is none.
func databaseID(root string) (id [16]byte, err error) {
	path := filepath.Join(root, databaseFile)
	text, err := plainfile.Read(path, 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return id, fmt.Errorf("%w: %s is missing", identity.ErrDamaged, path)
	}
	if errors.Is(err, plainfile.ErrKind) {
		err = fmt.Errorf("%w: %w", identity.ErrDamaged, err)
	}
	if err != nil {
		return id, err
	}
	raw, err := hex.DecodeString(strings.TrimSuffix(string(text), "\n"))
	if err != nil || len(raw) != len(id) {
		return id, fmt.Errorf("%w: %s does not hold 32 hexadecimal digits", identity.ErrDamaged, path)
	}
	return [16]byte(raw), nil
}

// openDatabase opens the repository's database, which must be there.
func openDatabase(root string, cfg *config.Config) (*badger.DB, error) {
	id, err := databaseID(root)
	if err != nil {
		return nil, err
	}
	return badger.Open(filepath.Join(root, databaseFolder), badger.Options{Wait: cfg.Busy, Existing: true, ID: id})
}

// NewDatabase gives a repository whose database is lost an empty one. What is left of the
// old one is kept beside it, in a folder whose name is returned; empty: nothing was left.
// Effects that the old one knew can run a second time.
func NewDatabase(root string) (kept string, err error) {
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
