package trees

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// WriteTar writes a tree as a tar archive: folders before their contents, names ascending, all times 1970, owners 0,
// permissions 0644 and 0755. The same tree gives the same bytes. add, which may be nil, is called with the number of
// file bytes written.
func WriteTar(ctx context.Context, s *store.Store, id object.Hash, w io.Writer, add func(int64)) error {
	out := tar.NewWriter(w)
	err := tree.Walk(s.Nodes(ctx), id, func(path []byte, e tree.Entry) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		h := &tar.Header{Name: string(path), ModTime: time.Unix(0, 0), Mode: 0o644}
		switch e.Kind {
		case tree.Folder:
			h.Typeflag, h.Name, h.Mode = tar.TypeDir, h.Name+"/", 0o755
		case tree.Link:
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, string(e.Target), 0o777
		default:
			h.Typeflag, h.Size = tar.TypeReg, int64(e.Size)
			if e.Size > 1<<63-1 {
				return false, fmt.Errorf("%q: %w: %d bytes", path, tree.ErrTree, e.Size)
			}
			if e.Executable {
				h.Mode = 0o755
			}
		}
		if err := out.WriteHeader(h); err != nil {
			return false, fmt.Errorf("%q: %w", path, err)
		}
		if e.Kind != tree.File {
			return true, nil
		}
		if add != nil {
			defer func() { add(int64(e.Size)) }()
		}
		return false, Copy(ctx, s, e, out)
	})
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	return out.Close()
}
