package store

import (
	"encoding/binary"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

// The seekable format (github.com/facebook/zstd, contrib/seekable_format):
// independent zstd frames of frameSize plain bytes each, and at the end a
// skippable frame that holds the table of their sizes. A stock `zstd -d` reads it
// as any other stream.
//
//	table entry    compressed size u32, plain size u32; when bit 7 of the flags
//	               is set, a checksum u32 (never in ours, not used when reading)
//	footer         number of frames u32, flags u8, 0x8F92EAB1
//
// All numbers are little-endian.
const (
	frameSize      = 1 << 20
	maxFrame       = 64 << 20 // largest frame, plain or compressed, and table that is read, in bytes
	skippableMagic = 0x184D2A5E
	seekableMagic  = 0x8F92EAB1
	seekFooter     = 9
	seekChecksums  = 0x80 // flag: entries have a checksum
	seekReserved   = 0x7C // flags that must be 0
)

// seekableWriter compresses frames side by side and writes them in order.
type seekableWriter struct {
	w     io.Writer
	enc   *zstd.Encoder
	plain []byte
	queue []*frame // being compressed, the oldest first
	table []byte
	count uint32
}

type frame struct {
	plain, packed []byte
	done          chan struct{}
}

func newSeekableWriter(w io.Writer) (*seekableWriter, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	return &seekableWriter{w: w, enc: enc}, err
}

// packedSize is the size of data as one frame.
func packedSize(data []byte) (int, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, err
	}
	return len(enc.EncodeAll(data, nil)), nil
}

// Write implements io.Writer.
func (s *seekableWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.plain == nil {
			s.plain = make([]byte, 0, frameSize)
		}
		take := min(len(p), frameSize-len(s.plain))
		s.plain = append(s.plain, p[:take]...)
		p = p[take:]
		if len(s.plain) == frameSize {
			if err := s.submit(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

// submit starts to compress the frame that is filled.
func (s *seekableWriter) submit() error {
	f := &frame{plain: s.plain, done: make(chan struct{})}
	s.plain = nil
	if len(s.queue) >= runtime.GOMAXPROCS(0) {
		old, err := s.emit()
		if err != nil {
			return err
		}
		f.packed, s.plain = old.packed[:0], old.plain[:0]
	}
	s.queue = append(s.queue, f)
	go func() {
		f.packed = s.enc.EncodeAll(f.plain, f.packed)
		close(f.done)
	}()
	return nil
}

// emit writes the oldest frame.
func (s *seekableWriter) emit() (*frame, error) {
	f := s.queue[0]
	s.queue = s.queue[1:]
	<-f.done
	s.table = binary.LittleEndian.AppendUint32(s.table, uint32(len(f.packed)))
	s.table = binary.LittleEndian.AppendUint32(s.table, uint32(len(f.plain)))
	s.count++
	_, err := s.w.Write(f.packed)
	return f, err
}

// Close writes the frames that are left and the table. An empty stream is an
// empty frame and its table.
func (s *seekableWriter) Close() error {
	if len(s.plain) > 0 || (s.count == 0 && len(s.queue) == 0) {
		if err := s.submit(); err != nil {
			return err
		}
	}
	for len(s.queue) > 0 {
		if _, err := s.emit(); err != nil {
			return err
		}
	}
	end := binary.LittleEndian.AppendUint32(nil, skippableMagic)
	end = binary.LittleEndian.AppendUint32(end, uint32(len(s.table)+seekFooter))
	end = append(end, s.table...)
	end = binary.LittleEndian.AppendUint32(end, s.count)
	end = append(end, 0)
	end = binary.LittleEndian.AppendUint32(end, seekableMagic)
	_, err := s.w.Write(end)
	return err
}
