package seekable

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// FuzzSeekTable: whatever the end of a compressed blob contains, the frames of its table lie within the blob, one after
// the other.
func FuzzSeekTable(f *testing.F) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	frame := enc.EncodeAll(bytes.Repeat([]byte("abc"), 99), nil)
	table := binary.LittleEndian.AppendUint32(bytes.Clone(frame), skippableMagic)
	table = binary.LittleEndian.AppendUint32(table, 8+seekFooter)
	table = binary.LittleEndian.AppendUint32(table, uint32(len(frame)))
	table = binary.LittleEndian.AppendUint32(table, 297)
	table = binary.LittleEndian.AppendUint32(table, 1)
	table = binary.LittleEndian.AppendUint32(append(table, 0), seekableMagic)
	f.Add(table)
	f.Add(frame)
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, err := Table(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		var sum int64
		for _, fr := range frames {
			if fr.Packed < 0 || fr.Plain < 0 {
				t.Fatalf("%+v", fr)
			}
			sum += fr.Packed
		}
		if sum > int64(len(data)) {
			t.Fatalf("frames of %d bytes in %d", sum, len(data))
		}
	})
}

// FuzzUnpack: a compressed stream takes no more memory than its bound, and does not panic.
func FuzzUnpack(f *testing.F) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(enc.EncodeAll(bytes.Repeat([]byte("abc"), 999), nil))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = Unpack(&cut{1 << 20}, bytes.NewReader(data))
	})
}

// cut is a writer that takes so many bytes.
type cut struct{ left int }

func (c *cut) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}
