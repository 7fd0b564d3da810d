package seekable

import (
	"encoding/binary"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

// FrameSize is the number of plain bytes in a frame of this Writer.
const FrameSize = 1 << 20

// MaxFrame is the largest frame, plain or compressed, and the largest table, that is read, in bytes.
const MaxFrame = 64 << 20

const (
	skippableMagic = 0x184D2A5E
	seekableMagic  = 0x8F92EAB1
	seekFooter     = 9
	seekChecksums  = 0x80 // flag: entries have a checksum
	seekReserved   = 0x7C // flags that must be 0
)

// Writer compresses frames concurrently and writes them in order.
type Writer struct {
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

// NewWriter starts a stream that goes to w. Close ends it, and does not close w.
func NewWriter(w io.Writer) (*Writer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	return &Writer{w: w, enc: enc}, err
}

// PackedSize is the size of data as one frame.
func PackedSize(data []byte) (int, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, err
	}
	return len(enc.EncodeAll(data, nil)), nil
}

// Write implements io.Writer.
func (s *Writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.plain == nil {
			s.plain = make([]byte, 0, FrameSize)
		}
		take := min(len(p), FrameSize-len(s.plain))
		s.plain = append(s.plain, p[:take]...)
		p = p[take:]
		if len(s.plain) == FrameSize {
			if err := s.submit(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

// submit starts compressing the full frame.
func (s *Writer) submit() error {
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
func (s *Writer) emit() (*frame, error) {
	f := s.queue[0]
	s.queue = s.queue[1:]
	<-f.done
	s.table = binary.LittleEndian.AppendUint32(s.table, uint32(len(f.packed)))
	s.table = binary.LittleEndian.AppendUint32(s.table, uint32(len(f.plain)))
	s.count++
	_, err := s.w.Write(f.packed)
	return f, err
}

// Close writes the remaining frames and the table. An empty stream is an empty frame and its table.
func (s *Writer) Close() error {
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
