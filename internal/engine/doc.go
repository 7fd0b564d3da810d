// Package engine opens the storage of a repository: Badger and files in its own folder, or PostgreSQL and a bucket that
// many machines share. The packages above do not know which.
//
// A folder of the second kind has a file engines.yaml with the two addresses. Keys, trust, settings and the locks of
// this machine's processes are in the folder in either case. The file "database" holds the id of the database.
package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/internal/strictyaml"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/socket"
)

// Engine is the storage of an open repository.
type Engine struct {
	DB     store.KV
	Chunks store.Chunks
	Shared *Shared // nil: the repository is not shared with other machines

	local *local
	close []func() error
}

// Options tune Open.
type Options struct {
	Wait   time.Duration // how long to wait for a database that is busy or unreachable
	Debugf func(format string, args ...any)
	Moved  func(place string) // is told where the repository has gone, once

	arriving bool // the repository may be one that is still being moved here
}

// Places says where a shared repository is stored.
type Places struct {
	Store  string `yaml:"store"`  // postgres://
	Chunks string `yaml:"chunks"` // s3://
	Seed   string `yaml:"seed"`   // random, for this folder
}

const (
	// placesFile is the name of the file with the Places.
	placesFile = "engines.yaml"
	// IDFile holds the id of the repository's database. It lies outside the database's folder, so that an empty or
	// exchanged folder is not taken for a new one.
	IDFile = "database"
)

// Open opens the storage of the repository at root, a .mythos folder. Databases are connected to at the first
// operation.
func Open(root string, o Options) (*Engine, error) {
	if o.Debugf == nil {
		o.Debugf = func(string, ...any) {}
	}
	p, shared, err := placesOf(root)
	if err != nil {
		return nil, err
	}
	id, err := ID(root)
	if err != nil {
		return nil, err
	}
	if shared {
		return openShared(root, p, id, o)
	}
	return openLocal(root, id, o)
}

// Listen lets other commands on this repository work through this process until the server is closed. The error wraps
// socket.ErrServed if another process already serves them, and errors.ErrUnsupported if they reach the database
// themselves.
func (e *Engine) Listen() (*socket.Server, error) {
	if e.local == nil {
		return nil, fmt.Errorf("they reach PostgreSQL themselves: %w", errors.ErrUnsupported)
	}
	return e.local.listen()
}

// Close closes everything that Open opened, in reverse order.
func (e *Engine) Close() error {
	var errs []error
	for i := len(e.close) - 1; i >= 0; i-- {
		errs = append(errs, e.close[i]())
	}
	e.close = nil
	return errors.Join(errs...)
}

// placesOf reads the file with the places; false: there is none.
func placesOf(root string) (p Places, shared bool, err error) {
	path := filepath.Join(root, placesFile)
	text, err := plainfile.Read(path, 64<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err == nil {
		err = strictyaml.Unmarshal(text, &p)
	}
	if err == nil {
		err = p.check()
	}
	if err == nil && len(p.Seed) != 32 {
		err = errors.New("seed does not have 32 digits")
	}
	if err != nil {
		return p, false, fmt.Errorf("%w: %s: %v", identity.ErrDamaged, path, err)
	}
	return p, true, nil
}

// keep writes the file with the places, and then the file with the id.
func (p Places) keep(root string, id [16]byte) error {
	var seed [16]byte
	_, _ = rand.Read(seed[:]) // never fails
	p.Seed = hex.EncodeToString(seed[:])
	text, err := yaml.Marshal(p)
	if err == nil {
		err = atomicfile.Write(filepath.Join(root, placesFile), 0o600, text)
	}
	if err != nil {
		return err
	}
	return keepID(root, hex.EncodeToString(id[:]))
}

func keepID(root, id string) error {
	return atomicfile.Write(filepath.Join(root, IDFile), 0o600, []byte(id+"\n"))
}

// home returns a mark of this folder on this machine, for the instances that run in it.
func (p Places) home(root string) []byte {
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Seed, host, root}, "\x00")))
	return sum[:8]
}

// ID reads the id that the repository's database must have. The error wraps identity.ErrDamaged if there is none.
func ID(root string) (id [16]byte, err error) {
	path := filepath.Join(root, IDFile)
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

// Clock returns the clock for leases and time limits: the database's if many machines share it, else own.
func (e *Engine) Clock(ctx context.Context, own func() object.Time) func() object.Time {
	if e.Shared == nil {
		return own
	}
	return func() object.Time {
		now, err := e.Shared.db.Now(ctx)
		if err != nil {
			return own() // nothing can be recorded in that case
		}
		return object.TimeOf(now)
	}
}
