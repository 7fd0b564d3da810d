package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// errNoTable means that a zstd stream is not in the seekable format.
var errNoTable = errors.New("no seek table")

// unpack writes the plain bytes of a zstd stream.
func unpack(w io.Writer, r io.Reader) error {
	dec, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer dec.Close()
	if _, err := dec.WriteTo(w); err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	return nil
}

// frameInfo is a line of the seek table.
type frameInfo struct{ packed, plain int64 }

// seekTable reads the table at the end of size bytes, 8 or 12 bytes a frame. The
// error wraps errNoTable when there is none.
func seekTable(r io.ReaderAt, size int64) ([]frameInfo, error) {
	if size < seekFooter+8 {
		return nil, errNoTable
	}
	foot := make([]byte, seekFooter)
	if err := readFull(r, foot, size-seekFooter); err != nil {
		return nil, err
	}
	count, flags := int64(binary.LittleEndian.Uint32(foot)), foot[4]
	entry := int64(8)
	if flags&seekChecksums != 0 {
		entry = 12
	}
	length := count * entry
	if binary.LittleEndian.Uint32(foot[5:]) != seekableMagic || flags&seekReserved != 0 ||
		length > size-seekFooter-8 || length > maxFrame {
		return nil, errNoTable
	}
	raw := make([]byte, 8+length)
	if err := readFull(r, raw, size-seekFooter-8-length); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(raw) != skippableMagic || int64(binary.LittleEndian.Uint32(raw[4:])) != length+seekFooter {
		return nil, errNoTable
	}
	return parseTable(raw[8:], entry, size-seekFooter-8-length)
}

// parseTable reads the entries and checks that the frames fill the stream.
func parseTable(raw []byte, entry, room int64) ([]frameInfo, error) {
	table := make([]frameInfo, 0, int64(len(raw))/entry)
	for ; len(raw) > 0; raw = raw[entry:] {
		f := frameInfo{int64(binary.LittleEndian.Uint32(raw)), int64(binary.LittleEndian.Uint32(raw[4:]))}
		if f.packed > maxFrame || f.plain > maxFrame {
			return nil, fmt.Errorf("frame of %d bytes: %w", f.plain, ErrTooLarge)
		}
		room -= f.packed
		table = append(table, f)
	}
	if room != 0 {
		return nil, fmt.Errorf("%w: its sizes do not add up", errNoTable)
	}
	return table, nil
}

// rangeFrames serves a range of a zstd blob: of a seekable one from the frames
// that it touches, of any other by decompressing from the beginning.
func (b *Blob) rangeFrames(ctx context.Context, r io.ReaderAt, size, off, n int64, w io.Writer) error {
	table, err := seekTable(r, size)
	if errors.Is(err, errNoTable) {
		return b.rangeStream(ctx, off, n, w)
	}
	if err != nil {
		return fmt.Errorf("blob %s: %w", b.ref.CID.Short(), err)
	}
	if total := plainSize(table); off > total || n > total-off {
		return fmt.Errorf("%w: %d bytes from %d of %d", ErrRange, n, off, total)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer dec.Close()
	var at, start int64
	var packed, plain []byte
	for _, f := range table {
		if n > 0 && off < start+f.plain {
			packed = grow(packed, f.packed)
			if err := readFull(r, packed, at); err != nil {
				return err
			}
			if plain, err = dec.DecodeAll(packed, plain[:0]); err != nil || int64(len(plain)) != f.plain {
				return fmt.Errorf("blob %s: %w: frame at %d has not the size that the table says (%w)", b.ref.CID.Short(), ErrCorrupt, at, err)
			}
			part := plain[off-start : min(off-start+n, f.plain)]
			if _, err := w.Write(part); err != nil {
				return err
			}
			off, n = off+int64(len(part)), n-int64(len(part))
		}
		at, start = at+f.packed, start+f.plain
	}
	return nil
}

// readFull fills p; a ReaderAt may report the end together with the last bytes.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func plainSize(table []frameInfo) (total int64) {
	for _, f := range table {
		total += f.plain
	}
	return total
}

// rangeStream decompresses from the beginning and hands out only the range.
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

// errEnough ends a stream of which nothing more is wanted.
var errEnough = errors.New("enough")

// cutWriter passes on left bytes after the first skip.
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
