// Package seekable writes and reads zstd streams with random access: the seekable format (github.com/facebook/zstd,
// contrib/seekable_format). A stream is a sequence of independent zstd frames, followed by a skippable frame with the
// table of their sizes. A stock `zstd -d` reads it like any other stream.
//
//	table entry    compressed size u32, plain size u32; when bit 7 of the flags
//	               is set, a checksum u32 (never in ours, not used when reading)
//	footer         number of frames u32, flags u8, 0x8F92EAB1
//
// All numbers are little-endian.
package seekable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// ErrTooLarge means that a frame is larger than the limit for reading.
var ErrTooLarge = errors.New("too large")

// ErrNoTable means that a zstd stream is not in the seekable format.
var ErrNoTable = errors.New("no seek table")

// ErrPacked means that bytes are not a zstd stream, or not a complete one.
var ErrPacked = errors.New("not a whole zstd stream")

// Unpack writes the plain bytes of a zstd stream. The error wraps ErrPacked unless it comes from the reader or the
// writer.
func Unpack(w io.Writer, r io.Reader) error {
	ends := &ends{r: r, w: w}
	dec, err := zstd.NewReader(readEnd{ends}, zstd.WithDecoderMaxMemory(MaxFrame), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer dec.Close()
	if _, err = dec.WriteTo(writeEnd{ends}); err == nil {
		return nil
	}
	if own := ends.err.Load(); own != nil {
		return *own
	}
	return fmt.Errorf("%w: %w", ErrPacked, err)
}

// ends are both ends of a decoder, which reads ahead. They keep the first error of either end.
type ends struct {
	r   io.Reader
	w   io.Writer
	err atomic.Pointer[error]
}

type (
	readEnd  struct{ *ends }
	writeEnd struct{ *ends }
)

// Read implements io.Reader.
func (e readEnd) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		e.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Write implements io.Writer.
func (e writeEnd) Write(p []byte) (int, error) {
	n, err := e.w.Write(p)
	if err != nil {
		e.err.CompareAndSwap(nil, &err)
	}
	return n, err
}

// Frame is one entry of the seek table.
type Frame struct{ Packed, Plain int64 }

// Table reads the table at the end of size bytes, 8 or 12 bytes per frame. The error wraps ErrNoTable if there is none.
func Table(r io.ReaderAt, size int64) ([]Frame, error) {
	if size < seekFooter+8 {
		return nil, ErrNoTable
	}
	foot := make([]byte, seekFooter)
	if err := ReadFull(r, foot, size-seekFooter); err != nil {
		return nil, err
	}
	count, flags := int64(binary.LittleEndian.Uint32(foot)), foot[4]
	entry := int64(8)
	if flags&seekChecksums != 0 {
		entry = 12
	}
	length := count * entry
	if binary.LittleEndian.Uint32(foot[5:]) != seekableMagic || flags&seekReserved != 0 ||
		length > size-seekFooter-8 || length > MaxFrame {
		return nil, ErrNoTable
	}
	raw := make([]byte, 8+length)
	if err := ReadFull(r, raw, size-seekFooter-8-length); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(raw) != skippableMagic || int64(binary.LittleEndian.Uint32(raw[4:])) != length+seekFooter {
		return nil, ErrNoTable
	}
	return parseTable(raw[8:], entry, size-seekFooter-8-length)
}

// parseTable reads the entries and checks that the frames fill the stream.
func parseTable(raw []byte, entry, room int64) ([]Frame, error) {
	table := make([]Frame, 0, int64(len(raw))/entry)
	for ; len(raw) > 0; raw = raw[entry:] {
		f := Frame{int64(binary.LittleEndian.Uint32(raw)), int64(binary.LittleEndian.Uint32(raw[4:]))}
		if f.Packed > MaxFrame || f.Plain > MaxFrame {
			return nil, fmt.Errorf("frame of %d bytes: %w", f.Plain, ErrTooLarge)
		}
		room -= f.Packed
		table = append(table, f)
	}
	if room != 0 {
		return nil, fmt.Errorf("%w: its sizes do not add up", ErrNoTable)
	}
	return table, nil
}

// ReadFull fills p; a ReaderAt may report the end together with the last bytes.
func ReadFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
