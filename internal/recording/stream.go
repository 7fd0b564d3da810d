package recording

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// stream stores what a program writes, and shows it at the same time.
type stream struct {
	ctx   context.Context //nolint:containedctx // it is the run's, as of os/exec
	blobs Blobs
	live  io.Writer
	head  []byte
	size  uint64
	more  *io.PipeWriter // into the blob; nil: the head is everything
	kept  chan kept
}

// kept is a blob, or why there is none.
type kept struct {
	ref object.BlobRef
	err error
}

// newStream shows what is written on live, which may be nil. What is stored does not depend on whether ctx is
// cancelled: an interrupted program may write until it ends.
func newStream(ctx context.Context, blobs Blobs, live io.Writer) *stream {
	return &stream{ctx: context.WithoutCancel(ctx), blobs: blobs, live: quiet{live}}
}

// Write implements io.Writer. It never fails: a program must not stop because its output cannot be stored.
func (s *stream) Write(p []byte) (int, error) {
	_, _ = s.live.Write(p)
	s.size += uint64(len(p))
	if s.more == nil {
		if len(s.head)+len(p) <= MaxHead {
			s.head = append(s.head, p...)
			return len(p), nil
		}
		s.spill()
	}
	_, _ = s.more.Write(p) // end reports why it could not be stored
	return len(p), nil
}

// spill starts a blob with the head and everything after it.
func (s *stream) spill() {
	r, w := io.Pipe()
	s.more, s.kept = w, make(chan kept, 1)
	go func() {
		ref, err := s.blobs.PutBlob(s.ctx, io.MultiReader(bytes.NewReader(s.head), r), store.PutOptions{})
		r.CloseWithError(err) // nobody reads any more
		s.kept <- kept{ref, err}
	}()
}

// end returns what was written, after the last write.
func (s *stream) end() once.Written {
	w := once.Written{Size: s.size, Head: s.head}
	if s.more == nil {
		if w.Head == nil {
			w.Head = []byte{}
		}
		return w
	}
	_ = s.more.Close()
	if k := <-s.kept; k.err == nil {
		w.Head, w.Blob = []byte{}, &k.ref.CID
	}
	return w
}

// quiet is a writer that never reports an error.
type quiet struct{ w io.Writer }

func (q quiet) Write(p []byte) (int, error) {
	if q.w != nil {
		_, _ = q.w.Write(p) // a failing viewer must not stop a program
	}
	return len(p), nil
}

// Opener opens blobs; *store.Store is one.
type Opener interface {
	OpenBlob(ctx context.Context, cid object.Hash, o codec.Keys) (*store.Blob, error)
}

// Copy writes what a program wrote. The error is w's, or says that not everything is stored.
func Copy(ctx context.Context, from Opener, what once.Written, w io.Writer) error {
	if what.Blob == nil {
		if _, err := w.Write(what.Head); err != nil {
			return err
		}
		if rest := what.Size - uint64(len(what.Head)); rest > 0 {
			return fmt.Errorf("%w: %d bytes that it wrote after that could not be kept", store.ErrNotFound, rest)
		}
		return nil
	}
	blob, err := from.OpenBlob(ctx, *what.Blob, codec.Keys{})
	if err != nil {
		return err
	}
	defer blob.Close()
	return blob.Copy(ctx, w)
}
