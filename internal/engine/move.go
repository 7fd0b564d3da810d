package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/socket"
)

const (
	// movedFile says in a repository's folder where the repository has gone.
	movedFile = "moved"
	// arrivingFile has the id of the repository that is still being moved into the folder.
	arrivingFile = "arriving"
	maxMark      = 8 << 10 // bytes of either
)

// mark reads one of the two files; empty: there is none.
func mark(root, name string) (string, error) {
	path := filepath.Join(root, name)
	text, err := plainfile.Read(path, maxMark)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if line := strings.TrimSuffix(string(text), "\n"); err != nil || line != "" {
		return line, err
	}
	return "", fmt.Errorf("%w: %s is empty", identity.ErrDamaged, path)
}

// movedFrom is where the repository of a folder has gone; empty: it is there.
func movedFrom(root string) (string, error) { return mark(root, movedFile) }

func mayWrite(root string) error {
	place, err := movedFrom(root)
	if err == nil && place != "" {
		err = fmt.Errorf("%w; it is in %s", kv.ErrMoved, place)
	}
	return err
}

// NotArriving refuses the folder of a repository that is still being moved there. The error wraps kv.ErrArriving.
func NotArriving(root string) error {
	from, err := mark(root, arrivingFile)
	if err == nil && from != "" {
		err = kv.ErrArriving
	}
	return err
}

// ErrInUse means that a repository is in use, so that it cannot be moved.
var ErrInUse = errors.New("the repository is in use")

// Gone is where the repository has gone; empty: it is here.
func (e *Engine) Gone(ctx context.Context) (string, error) {
	if e.Shared == nil {
		return movedFrom(e.local.root)
	}
	a, err := e.Shared.db.About(ctx)
	return a.Moved, err
}

// Alone is a repository that nobody writes to.
type Alone struct {
	move    func(ctx context.Context, place string) error // and frees it
	release func()
}

// Alone waits until no write is under way and lets nobody write, or collect, until it is given up: by Release, by
// Moved, or with the process. It is for an Engine that nobody has used yet. The error wraps ErrInUse
// while servers or workers run.
func (e *Engine) Alone(ctx context.Context) (*Alone, error) {
	sweep, err := e.Chunks.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	a, err := e.alone(ctx)
	if err != nil {
		return nil, errors.Join(err, sweep.Close())
	}
	release := a.release
	a.release = func() {
		release()
		_ = sweep.Close() // which frees a lock
	}
	return a, nil
}

func (e *Engine) alone(ctx context.Context) (*Alone, error) {
	if e.Shared != nil {
		return e.Shared.alone(ctx)
	}
	l := e.local
	done, err := badger.Alone(ctx, l.own)
	if err != nil {
		return nil, err
	}
	s, err := l.listen() // so that others can go on reading
	if errors.Is(err, socket.ErrServed) {
		done()
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	}
	release := func() {
		if s != nil {
			_ = s.Close() // those who read are told that it has ended
		}
		done()
	}
	return &Alone{release: release, move: func(_ context.Context, place string) error {
		return atomicfile.Write(filepath.Join(l.root, movedFile), 0o600, []byte(place+"\n"))
	}}, nil
}

func (s *Shared) alone(ctx context.Context) (*Alone, error) {
	lock, err := s.db.Alone(ctx)
	if err != nil {
		return nil, err
	}
	release := func() { _ = lock.Release() }
	v, err := s.db.Vitals(ctx)
	if err != nil {
		release()
		return nil, err
	}
	for _, m := range v.Members {
		if m.Alive {
			release()
			return nil, fmt.Errorf("%w: a %s runs on %s", ErrInUse, m.Kind, m.Host)
		}
	}
	return &Alone{release: release, move: lock.Move}, nil
}

// Moved says where the repository has gone: nobody writes to it any more.
func (a *Alone) Moved(ctx context.Context, place string) error {
	defer a.Release()
	return a.move(ctx, place)
}

// Release lets others write again, unless the repository has gone.
func (a *Alone) Release() {
	if a.release != nil {
		a.release()
	}
	a.release = nil
}

// Destination is where a repository is moved to: a .mythos folder that is made, or a database and a bucket.
type Destination struct {
	Folder string
	Places
}

// NewDestination takes a folder, or the address of a database and that of a bucket.
func NewDestination(to, chunks string) (d Destination, err error) {
	if strings.HasPrefix(to, "postgres://") || strings.HasPrefix(to, "postgresql://") {
		d.Places = Places{Store: to, Chunks: chunks}
		return d, d.check()
	}
	if chunks != "" || strings.Contains(to, "://") {
		return d, fmt.Errorf("%w: --to postgres://HOST/DATABASE goes with --chunks, and --to DIR without", ErrPlaces)
	}
	d.Folder, err = filepath.Abs(to)
	return d, err
}

// String is the place as people are told it.
func (d Destination) String() string {
	if d.Folder == "" {
		return d.Store + " and " + d.Places.Chunks
	}
	host, err := os.Hostname()
	if err != nil {
		return d.Folder
	}
	return d.Folder + " on " + host
}

// Arrival is a place that a repository is being moved to. Nobody else can open it.
type Arrival struct {
	*Engine
	// Done says that all of it is there.
	Done func(ctx context.Context) error
}
