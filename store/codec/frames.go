package codec

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/seekable"
)

// rangeFrames serves a range of a zstd blob. For a seekable blob it reads only the frames of the range; otherwise it
// decompresses from the beginning.
func (b *Blob) rangeFrames(ctx context.Context, r io.ReaderAt, size, off, n int64, w io.Writer) error {
	table, err := seekable.Table(r, size)
	if errors.Is(err, seekable.ErrNoTable) {
		return b.rangeStream(ctx, off, n, w)
	}
	if err != nil {
		return fmt.Errorf("blob %s: %w", b.Ref.CID.Short(), err)
	}
	if total := plainSize(table); off > total || n > total-off {
		return fmt.Errorf("%w: %d bytes from %d of %d", ErrRange, n, off, total)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(seekable.MaxFrame), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer dec.Close()
	var at, start int64
	var packed, plain []byte
	for _, f := range table {
		if n > 0 && off < start+f.Plain {
			packed = grow(packed, f.Packed)
			if err := seekable.ReadFull(r, packed, at); err != nil {
				return err
			}
			if plain, err = dec.DecodeAll(packed, plain[:0]); err != nil || int64(len(plain)) != f.Plain {
				return fmt.Errorf("blob %s: %w: frame at %d has not the size that the table says (%w)", b.Ref.CID.Short(), kv.ErrCorrupt, at, err)
			}
			part := plain[off-start : min(off-start+n, f.Plain)]
			if _, err := w.Write(part); err != nil {
				return err
			}
			off, n = off+int64(len(part)), n-int64(len(part))
		}
		at, start = at+f.Packed, start+f.Plain
	}
	return nil
}

func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func plainSize(table []seekable.Frame) (total int64) {
	for _, f := range table {
		total += f.Plain
	}
	return total
}

// rangeStream decompresses from the beginning and writes only the range.
func (b *Blob) rangeStream(ctx context.Context, off, n int64, w io.Writer) error {
	cut := &cutWriter{w: w, skip: off, left: n}
	if err := b.copyDecoded(ctx, cut); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if cut.skip > 0 || cut.left > 0 {
		return fmt.Errorf("%w: %d bytes from %d", ErrRange, n, off)
	}
	return nil
}

// errEnough ends a stream when no more of it is needed.
var errEnough = errors.New("enough")

// cutWriter skips skip bytes and passes on the next left bytes.
type cutWriter struct {
	w          io.Writer
	skip, left int64
}

// Write implements io.Writer.
func (c *cutWriter) Write(p []byte) (int, error) {
	n := len(p)
	drop := min(c.skip, int64(len(p)))
	c.skip -= drop
	p = p[drop:]
	p = p[:min(c.left, int64(len(p)))]
	if len(p) > 0 {
		if _, err := c.w.Write(p); err != nil {
			return 0, err
		}
		c.left -= int64(len(p))
	}
	if c.skip == 0 && c.left == 0 {
		return n, errEnough
	}
	return n, nil
}
