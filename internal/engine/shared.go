package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/store/bucket"
	"github.com/mythos-project/mythos/store/postgres"
)

// Shared is what a shared repository has in addition.
type Shared struct {
	Home []byte // the start of the instance id of every process of this folder

	db     *postgres.DB
	bucket *bucket.Bucket
	id     [16]byte
}

func openShared(root string, p Places, id [16]byte, o Options) (*Engine, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	db, err := postgres.Open(p.Store, postgres.Options{Wait: o.Wait, ID: id, Debugf: o.Debugf, Moved: o.Moved, Arriving: o.arriving})
	if err != nil {
		return nil, err
	}
	e := &Engine{DB: db, close: []func() error{db.Close}}
	b, err := bucket.Open(p.Chunks, db.Chunks())
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.Chunks, e.Shared = b, &Shared{Home: p.home(abs), db: db, bucket: b, id: id}
	return e, nil
}

// Checkpoints is where those of the ledger are published.
func (s *Shared) Checkpoints() *bucket.Bucket { return s.bucket }

// ErrPlaces means that the two addresses do not match each other or the repository.
var ErrPlaces = errors.New("addresses of the repository")

func (p Places) check() error {
	if p.Store == "" || p.Chunks == "" {
		return fmt.Errorf("%w: --store and --chunks go together", ErrPlaces)
	}
	return errors.Join(postgres.CheckAddress(p.Store), bucket.CheckAddress(p.Chunks))
}

// reaching is how long init and join try to reach the servers.
const reaching = 10 * time.Second

// MakeShared makes an empty repository in a database and a bucket, and records their addresses in the folder.
// acceptLoss allows servers that may lose what they have acknowledged.
func MakeShared(ctx context.Context, root string, p Places, acceptLoss bool) error {
	if err := p.check(); err != nil {
		return err
	}
	db, err := postgres.Open(p.Store, postgres.Options{Wait: reaching})
	if err != nil {
		return err
	}
	defer db.Close()
	chunks, err := bucket.Open(p.Chunks, db.Chunks())
	if err != nil {
		return err
	}
	if _, err := db.About(ctx); err == nil {
		return fmt.Errorf("%w; `mythos join` works on it", postgres.ErrExists)
	} else if !errors.Is(err, postgres.ErrNoRepository) {
		return err
	}
	a := postgres.NewAbout(p.Chunks, acceptLoss)
	if err := chunks.Take(ctx, a.ID); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what has begun is finished, or its outcome is found out
	err = db.Create(ctx, a)
	there, lerr := db.About(ctx)
	switch {
	case lerr == nil && there.ID == a.ID: // also if nobody answered
		return p.keep(root, a.ID)
	case lerr == nil, errors.Is(lerr, postgres.ErrNoRepository):
		return errors.Join(err, chunks.Free(ctx))
	}
	return fmt.Errorf("whether the repository was made is not known: `mythos join` works on it if it was; if not, give it another prefix: %w", errors.Join(err, lerr))
}

// Join records in the folder the repository that a database and a bucket hold. The error wraps postgres.ErrNoRepository
// if there is none.
func Join(ctx context.Context, root string, p Places) error {
	if err := p.check(); err != nil {
		return err
	}
	db, err := postgres.Open(p.Store, postgres.Options{Wait: reaching})
	if err != nil {
		return err
	}
	defer db.Close()
	a, err := db.About(ctx)
	if err != nil {
		return err
	}
	chunks, err := bucket.Open(p.Chunks, db.Chunks())
	if err != nil {
		return err
	}
	if err := chunks.Owned(ctx, a.ID); err != nil {
		return err
	}
	return p.keep(root, a.ID)
}

func (s *Shared) lock(ctx context.Context, name string, wait time.Duration) (release func(), err error) {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	l, err := s.db.WaitLock(limited, name)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("another process has the lock %s: %w", name, ledger.ErrBusy)
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = l.Release() }, nil
}

// Member is a process that works on the repository for others.
type Member = postgres.Member

// Register makes a process known to all machines until giveUp is called, and signals meanwhile that it is alive.
func (s *Shared) Register(ctx context.Context, m Member) (giveUp func() error, err error) {
	return s.db.Register(ctx, m)
}

// Alive reports whether the server with this id has shown a recent sign of life.
func (s *Shared) Alive(ctx context.Context, id string) (bool, error) { return s.db.Registered(ctx, id) }

// Vitals returns the state of the database, and who works on it.
func (s *Shared) Vitals(ctx context.Context) (postgres.Vitals, error) { return s.db.Vitals(ctx) }

// answering is how long the bucket may take to say which repository it belongs to.
const answering = 5 * time.Second

// Bucket asks the bucket which repository it belongs to; an error says why it cannot be used now.
func (s *Shared) Bucket(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answering, fmt.Errorf("it gave no answer within %s", answering))
	defer cancel()
	if err := s.bucket.Owned(ctx, s.id); err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	return nil
}
