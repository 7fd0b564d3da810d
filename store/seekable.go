package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// The seekable format: independent zstd frames of frameSize plain bytes each, and
// at the end a skippable frame that holds the table of their sizes. A stock
// `zstd -d` reads it as any other stream.
const (
	frameSize      = 1 << 20
	maxFrame       = 64 << 20
	skippableMagic = 0x184D2A5E
	seekableMagic  = 0x8F92EAB1
	seekFooter     = 9 // number of frames, flags, magic
)

type seekableWriter struct {
	w     io.Writer
	enc   *zstd.Encoder
	plain []byte
	out   []byte
	table []byte
	count uint32
	err   error
}

func newSeekableWriter(w io.Writer) *seekableWriter {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	return &seekableWriter{w: w, enc: enc, err: err}
}

// Write implements io.Writer.
func (s *seekableWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && s.err == nil {
		take := min(len(p), frameSize-len(s.plain))
		s.plain = append(s.plain, p[:take]...)
		p = p[take:]
		if len(s.plain) == frameSize {
			s.flush()
		}
	}
	return n, s.err
}

func (s *seekableWriter) flush() {
	s.out = s.enc.EncodeAll(s.plain, s.out[:0])
	s.table = binary.LittleEndian.AppendUint32(s.table, uint32(len(s.out)))
	s.table = binary.LittleEndian.AppendUint32(s.table, uint32(len(s.plain)))
	s.count++
	s.plain = s.plain[:0]
	_, s.err = s.w.Write(s.out)
}

// Close writes the last frame and the table.
func (s *seekableWriter) Close() error {
	if s.err == nil && len(s.plain) > 0 {
		s.flush()
	}
	if s.err != nil {
		return s.err
	}
	frame := binary.LittleEndian.AppendUint32(nil, skippableMagic)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(s.table)+seekFooter))
	frame = append(frame, s.table...)
	frame = binary.LittleEndian.AppendUint32(frame, s.count)
	frame = append(frame, 0)
	frame = binary.LittleEndian.AppendUint32(frame, seekableMagic)
	_, err := s.w.Write(frame)
	return err
}

// rangeFrames serves a range of a seekable zstd blob from the frames it touches.
func (b *Blob) rangeFrames(ctx context.Context, off, n int64, w io.Writer) error {
	table, err := b.seekTable(ctx)
	if err != nil {
		return err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer dec.Close()
	var at, plainAt int64
	for ; len(table) > 0 && n > 0; table = table[8:] {
		packed, plain := int64(binary.LittleEndian.Uint32(table)), int64(binary.LittleEndian.Uint32(table[4:]))
		if off < plainAt+plain {
			frame, err := b.readStored(ctx, at, packed)
			if err != nil {
				return err
			}
			data, err := dec.DecodeAll(frame, nil)
			if err != nil || int64(len(data)) != plain {
				return fmt.Errorf("blob %s: %w: frame at %d: %v", b.ref.CID.Short(), ErrCorrupt, at, err)
			}
			part := data[off-plainAt : min(off-plainAt+n, plain)]
			if _, err := w.Write(part); err != nil {
				return err
			}
			off, n = off+int64(len(part)), n-int64(len(part))
		}
		at, plainAt = at+packed, plainAt+plain
	}
	if n > 0 {
		return fmt.Errorf("%w: %d bytes are missing", ErrRange, n)
	}
	return nil
}

// seekTable reads the table at the end of the blob, eight bytes a frame.
func (b *Blob) seekTable(ctx context.Context) ([]byte, error) {
	size := int64(b.ref.Size)
	bad := fmt.Errorf("blob %s: %w: no seek table", b.ref.CID.Short(), ErrCorrupt)
	if size < seekFooter+8 {
		return nil, bad
	}
	foot, err := b.readStored(ctx, size-seekFooter, seekFooter)
	if err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(foot)) * 8
	if binary.LittleEndian.Uint32(foot[5:]) != seekableMagic || foot[4] != 0 || length > size-seekFooter-8 || length > maxFrame {
		return nil, bad
	}
	return b.readStored(ctx, size-seekFooter-length, length)
}
